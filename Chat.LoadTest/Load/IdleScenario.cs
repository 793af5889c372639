using System.Collections.Concurrent;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Crowds;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Reporting;

namespace Chat.LoadTest.Load;

/// <summary>What a connection costs that does nothing: the memory of the nodes with a few of them and with many, divided by the difference.</summary>
internal sealed class IdleScenario : IScenario
{
    private const int MembersPerRoom = 20;
    private const int Steps = 10;
    private const int AuthorCount = 4;
    // Memory is at rest when it has moved by no more than this share over so many looks.
    private const double RestShare = 0.005;
    private const int RestLooks = 5;
    private static readonly TimeSpan OpeningPatience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RestPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly int _connections;
    private readonly int _base;
    private readonly IReadOnlyList<Objective> _objectives;

    private IdleScenario(Arguments arguments)
    {
        Options = LoadOptions.Parse(arguments);
        _connections = arguments.Number("connections", 5_000, min: 2, ConnectionLimit.Most);
        _base = arguments.Number("base", Math.Min(1_000, _connections / 2), min: 0, ConnectionLimit.Most);
        ConnectionLimit.Check(_connections, Options);
        if (_base >= _connections) throw new UsageException($"--base is {_base} and --connections {_connections}: the base must be the smaller one.");
        _objectives = arguments.Text("max-kb-per-connection") is null
            ? []
            : [new("max-kb-per-connection", "node_pss_kb_per_connection", arguments.Number("max-kb-per-connection", 0.0, min: 0.1, max: 100_000))];
    }

    public LoadOptions Options { get; }

    public static IdleScenario Parse(IReadOnlyList<string> words) => new(new Arguments(words, ["connections", "base", "max-kb-per-connection", .. LoadOptions.Names]));

    public async Task<Report> RunAsync(Site site, CancellationToken stop)
    {
        var tag = Site.NewTag();
        var plan = CrowdPlan.OneRoomEach(tag, (_connections + MembersPerRoom - 1) / MembersPerRoom, MembersPerRoom);
        var users = site.Users($"{tag}-u", _connections);
        await site.Progress.ShowAsync($"making {plan.Rooms.Count} rooms and {users.Count} users", progress =>
        {
            var done = 0;
            return new CrowdSetup(site.Http, site.Origin).PrepareAsync(
                plan, site.Users($"{tag}-a", AuthorCount), users, stop, () => progress((double)Interlocked.Increment(ref done) / (plan.Rooms.Count + users.Count), ""));
        });

        var problems = new ConcurrentQueue<string>();
        var looks = new List<Looked>();
        await using var crowd = Crowd.Gather(site.Routes, site.Clock, users, plan, problems, watch: null, stop);
        await site.Progress.ShowAsync($"opening {_connections} connections", async progress =>
        {
            await OpenToAsync(_base);
            looks.Add(await AtRestAsync(site, _base, stop));
            for (var step = 1; step <= Steps; step++)
            {
                var count = _base + (int)((long)(_connections - _base) * step / Steps);
                await OpenToAsync(count);
                if (step < Steps) looks.Add(await LookAsync(site, count, stop));
            }
            looks.Add(await AtRestAsync(site, _connections, stop));

            async Task OpenToAsync(int count)
            {
                var opened = crowd.Clients.Count(client => client.Connections > 0);
                await crowd.OpenAsync([.. crowd.Clients.Skip(opened).Take(count - opened)], OpeningPatience, stop, more => progress((double)(opened + more) / _connections, $"{opened + more}"));
            }
        });
        return Tell(looks, crowd.Clients.Sum(client => client.Losses));
    }

    private Report Tell(List<Looked> looks, int lost)
    {
        var (first, last) = (looks[0], looks[^1]);
        var more = last.Connections - first.Connections;
        Figure[] figures =
        [
            new("connections", "connections", last.Connections),
            new("base", "connections at the base", first.Connections),
            new("node_pss_kb_per_connection", "memory of the nodes for a connection, PSS", PerConnection(looked => looked.Nodes?.PssBytes), "kB"),
            new("node_rss_kb_per_connection", "memory of the nodes for a connection, RSS", PerConnection(looked => looked.Nodes?.RssBytes), "kB"),
            new("node_pss_kb_unsure", "… unsure by, from how it moved at rest", first.Moved is { } one && last.Moved is { } other ? (one + other) / 1024.0 / more : null, "kB"),
            new("gateway_pss_kb_per_connection", "memory of the gateway for a connection, PSS", Options.ViaNodes ? null : PerConnection(looked => looked.Gateway?.PssBytes), "kB"),
            new("connections_lost", "connections lost", lost),
        ];
        return new Report
        {
            Scenario = "idle",
            Summary = $"{last.Connections} connections that do nothing, each in one room of {MembersPerRoom}, compared with {first.Connections}.",
            Settings = [.. Options.Settings],
            Figures = figures,
            Verdicts = [.. _objectives.Select(objective => objective.Judge(figures))],
            Tables =
            [
                new Table("Memory, MB", ["connections", "nodes PSS", "nodes RSS", "gateway PSS", "gateway RSS"],
                    [.. looks.Select(looked => new[] { Figure.Format(looked.Connections), ProcessReport.Megabytes(looked.Nodes?.PssBytes), ProcessReport.Megabytes(looked.Nodes?.RssBytes), ProcessReport.Megabytes(looked.Gateway?.PssBytes), ProcessReport.Megabytes(looked.Gateway?.RssBytes) })]),
            ],
            Charts =
            [
                new Chart("Memory by connections, PSS", "", "MB", [Curve("nodes", looked => looked.Nodes?.PssBytes), Curve("gateway", looked => looked.Gateway?.PssBytes)]),
            ],
            Notes =
            [
                "Only the first and the last row are of memory at rest; nothing asks the collector to run, so that the heap may have some room to spare in both.",
                "A system that has held more connections before takes their memory again, and shows less than a connection costs: measure a fresh one. A few hundred connections more are lost in what the heap has to spare.",
                "What the kernel keeps for a socket belongs to no process, and is in none of these figures.",
            ],
        };

        double? PerConnection(Func<Looked, long?> of) => of(last) is { } after && of(first) is { } before ? (after - before) / 1024.0 / more : null;

        Curve Curve(string name, Func<Looked, long?> of) =>
            new(name, [.. looks.Where(looked => of(looked) is not null).Select(looked => new Point(looked.Connections, of(looked)!.Value / 1024.0 / 1024.0))]);
    }

    private static async Task<Looked> AtRestAsync(Site site, int connections, CancellationToken stop)
    {
        var looks = new List<Looked>();
        for (var deadline = site.Clock.Now + RestPatience; site.Clock.Now < deadline;)
        {
            looks.Add(await LookAsync(site, connections, stop));
            if (looks.Count >= RestLooks && Spread(looks) <= RestShare * looks[^1].Nodes?.PssBytes) break;
            await Task.Delay(Look, stop);
        }
        return looks[^1] with { Moved = Spread(looks) };
    }

    private static long? Spread(List<Looked> looks)
    {
        var newest = looks.TakeLast(RestLooks).Select(looked => looked.Nodes?.PssBytes).ToList();
        return newest.Max() - newest.Min();
    }

    private static async Task<Looked> LookAsync(Site site, int connections, CancellationToken stop)
    {
        var children = ProcessTree.ChildrenOfAll();
        return new Looked(connections, await SumAsync("realtime"), await SumAsync("gateway"));

        async Task<MemoryUse?> SumAsync(string resource)
        {
            var parts = (await site.Dashboard.ProcessesOfAsync(resource, stop)).Select(process => process.Pid is { } pid ? ProcessUsage.Memory(pid, children) : null).ToList();
            return parts.Count == 0 || parts.Contains(null) ? null : new MemoryUse(parts.Sum(part => part!.PssBytes), parts.Sum(part => part!.RssBytes));
        }
    }

    private sealed record Looked(int Connections, MemoryUse? Nodes, MemoryUse? Gateway)
    {
        /// <summary>By how much the nodes' memory went up and down while nothing happened.</summary>
        public long? Moved { get; init; }
    }
}
