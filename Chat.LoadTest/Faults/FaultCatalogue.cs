using System.IO.Enumeration;
using Chat.LoadTest.CommandLine;

namespace Chat.LoadTest.Faults;

/// <summary>A fault that can be asked for by name.</summary>
/// <param name="Name">As in <c>--faults</c>.</param>
/// <param name="Action">What is done.</param>
/// <param name="Resource">To what; of a proxy, the server that it stands before, or null for those before all nodes and the gateway.</param>
/// <param name="Says">For the help.</param>
internal sealed record Fault(string Name, FaultAction Action, string? Resource, string Says)
{
    /// <summary>Redis forgets what it had acknowledged.</summary>
    public bool Forgets => Action is FaultAction.Flush or FaultAction.Rewind;

    /// <summary>It is done to connections.</summary>
    public bool IsOfLink => Action is FaultAction.ProxyReset or FaultAction.ProxyStall or FaultAction.ProxySlow or FaultAction.ProxyHalfOpen;

    /// <summary>Services must have been started with the proxies' addresses.</summary>
    public bool NeedsOwnSystem => IsOfLink && Resource is not null;
}

internal enum FaultAction
{
    /// <summary>SIGKILL; the engine starts the process again.</summary>
    Kill,
    /// <summary>SIGSTOP, and SIGCONT after a while.</summary>
    Freeze,
    /// <summary>An orderly stop and start.</summary>
    Restart,
    /// <summary>All replicas, one after the other, each restarted in good order.</summary>
    Roll,
    /// <summary>FLUSHALL.</summary>
    Flush,
    /// <summary>Stopped, its files replaced by a copy made earlier in the run, started.</summary>
    Rewind,
    ProxyReset,
    ProxyStall,
    ProxySlow,
    ProxyHalfOpen,
}

/// <summary>All faults.</summary>
internal static class FaultCatalogue
{
    public const string Everything = "all";

    /// <summary>What the services keep their state in.</summary>
    public static IReadOnlyList<string> Servers { get; } = ["redis", "kafka", "postgres"];

    public static IReadOnlyList<Fault> All { get; } =
    [
        new("kill-node", FaultAction.Kill, "realtime", "a node dies (SIGKILL)"),
        new("kill-persister", FaultAction.Kill, "persister", "a persister dies"),
        new("kill-gateway", FaultAction.Kill, "gateway", "the gateway dies"),
        new("kill-redis", FaultAction.Kill, "redis", "Redis dies and keeps its data"),
        new("kill-kafka", FaultAction.Kill, "kafka", "the broker dies"),
        new("kill-postgres", FaultAction.Kill, "postgres", "Postgres dies"),
        new("stop-continue-node", FaultAction.Freeze, "realtime", "a node is frozen (SIGSTOP) and goes on"),
        new("stop-continue-persister", FaultAction.Freeze, "persister", "a persister is frozen"),
        new("stop-continue-gateway", FaultAction.Freeze, "gateway", "the gateway is frozen"),
        new("stop-continue-redis", FaultAction.Freeze, "redis", "Redis is frozen"),
        new("stop-continue-kafka", FaultAction.Freeze, "kafka", "the broker is frozen"),
        new("stop-continue-postgres", FaultAction.Freeze, "postgres", "Postgres is frozen, all of its processes"),
        new("proxy-reset", FaultAction.ProxyReset, null, "connections before a node or the gateway are reset"),
        new("proxy-stall", FaultAction.ProxyStall, null, "bytes are held back and come later"),
        new("proxy-slow", FaultAction.ProxySlow, null, "5 kB/s in each direction"),
        new("proxy-half-open", FaultAction.ProxyHalfOpen, null, "the server's side is gone, the client's stays open and silent"),
        .. Servers.SelectMany(server => new Fault[]
        {
            new($"cut-{server}", FaultAction.ProxyReset, server, $"all connections of the services to {server} are reset"),
            new($"stall-{server}", FaultAction.ProxyStall, server, $"no byte passes between the services and {server}, and all come later"),
            new($"slow-{server}", FaultAction.ProxySlow, server, $"80 kB/s on each connection to {server}"),
            new($"half-open-{server}", FaultAction.ProxyHalfOpen, server, $"{server} sees the services gone, and they hear nothing from it"),
        }),
        new("roll-nodes", FaultAction.Roll, "realtime", "all nodes are restarted in good order, one after the other"),
        new("roll-persisters", FaultAction.Roll, "persister", "all persisters likewise"),
        new("restart-redis", FaultAction.Restart, "redis", "Redis is restarted in good order"),
        new("restart-kafka", FaultAction.Restart, "kafka", "the broker is restarted in good order"),
        new("restart-postgres", FaultAction.Restart, "postgres", "Postgres is restarted in good order"),
        new("flush-redis", FaultAction.Flush, "redis", "Redis forgets everything (FLUSHALL)"),
        new("rewind-redis", FaultAction.Rewind, "redis", "Redis comes back with an older copy of its data"),
    ];

    /// <summary>The faults that a list of names and patterns asks for, in the order of the catalogue.</summary>
    public static IReadOnlyList<Fault> Select(string list)
    {
        var chosen = new HashSet<Fault>();
        foreach (var word in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var found = word switch
            {
                Everything => All,
                _ => All.Where(fault => FileSystemName.MatchesSimpleExpression(word, fault.Name, ignoreCase: false)),
            };
            var before = chosen.Count;
            chosen.UnionWith(found);
            if (chosen.Count == before && !found.Any())
                throw new UsageException($"There is no fault '{word}'; there are {string.Join(", ", All.Select(fault => fault.Name))}.");
        }
        return chosen.Count > 0 ? [.. All.Where(chosen.Contains)] : throw new UsageException("--faults names no fault.");
    }
}
