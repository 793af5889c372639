using Chat.LoadTest.CommandLine;

namespace Chat.LoadTest.Recovery;

/// <summary>What is killed.</summary>
internal enum Victim
{
    NodeOfOne,
    Node,
    Redis,
    Kafka,
    Postgres,
}

/// <summary>A measurement as it was asked for.</summary>
internal sealed record RecoveryOptions
{
    private static readonly IReadOnlyDictionary<string, Victim> Names = new Dictionary<string, Victim>
    {
        ["single"] = Victim.NodeOfOne,
        ["node"] = Victim.Node,
        ["redis"] = Victim.Redis,
        ["kafka"] = Victim.Kafka,
        ["postgres"] = Victim.Postgres,
    };

    public required int Connections { get; init; }

    public required int Rounds { get; init; }

    public required int Nodes { get; init; }

    public required IReadOnlyList<Victim> Victims { get; init; }

    public string? Report { get; init; }

    public bool Keep { get; init; }

    /// <summary>Set together: a system that runs already.</summary>
    public (Uri Target, Uri Dashboard)? Attached { get; init; }

    public string? DataDirectory { get; init; }

    public static RecoveryOptions Parse(IReadOnlyList<string> words)
    {
        var arguments = new Arguments(words, "connections", "rounds", "nodes", "kill", "report", "keep", "target", "dashboard", "data");
        var (target, dashboard) = (arguments.Address("target"), arguments.Address("dashboard"));
        if (target is null != dashboard is null) throw new UsageException("--target and --dashboard belong together.");
        return new RecoveryOptions
        {
            Connections = arguments.Number("connections", 5_000, min: 2, max: 15_000),
            Rounds = arguments.Number("rounds", 3, min: 1, max: 100),
            // With one node nobody could come back before it is up again.
            Nodes = arguments.Number("nodes", 2, min: 2, max: 16),
            Victims = Select(arguments.Text("kill")),
            Report = arguments.Text("report"),
            Keep = arguments.Text("keep") is "yes",
            Attached = target is null ? null : (target, dashboard!),
            DataDirectory = arguments.Text("data"),
        };
    }

    private static List<Victim> Select(string? text) =>
        [.. (text?.Split(',') ?? Names.Keys).Select(name => Names.TryGetValue(name, out var victim)
            ? victim
            : throw new UsageException($"There is nothing called '{name}' to kill; there are {string.Join(", ", Names.Keys)}.")).Distinct().Order()];
}
