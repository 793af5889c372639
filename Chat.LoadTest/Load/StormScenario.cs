using System.Globalization;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Crowds;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Reporting;

namespace Chat.LoadTest.Load;

/// <summary>
/// A node is killed under thousands of connections while messages flow: how long until each of its clients is connected elsewhere, has everything that it
/// missed, and gets what is new; and what the others, who lost nothing, notice of the storm.
/// </summary>
internal sealed class StormScenario : IScenario
{
    private const int MembersPerRoom = 50;
    // Of the measured time; before it the system is seen at its usual.
    private const double KilledAfter = 0.25;
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BackPatience = TimeSpan.FromSeconds(120);

    private readonly DeliveryPlan _plan;
    private readonly IReadOnlyList<Objective> _objectives;

    private StormScenario(Arguments arguments)
    {
        // With one node nobody could come back before it is up again.
        Options = LoadOptions.Parse(arguments, nodes: 3, minNodes: 2);
        var connections = arguments.Number("connections", 1_000, min: 10, ConnectionLimit.Most) * Options.Nodes;
        ConnectionLimit.Check(connections, Options);
        var rooms = Math.Max(1, connections / MembersPerRoom);
        // Once a second in each room, so that it is soon seen who is served.
        _plan = new DeliveryPlan((connections + rooms - 1) / rooms, arguments.Number("bytes", 100, min: 16, max: 20_000), TrafficOptions.Schedule(arguments, rooms, rooms, seconds: 40));
        _objectives =
        [
            .. DeliveryReport.Objectives(arguments, maxFailed: null, latency: "others_p99_ms"),
            new("back-within-s", "back_max_s", arguments.Number("back-within-s", 10.0, min: 0.1, max: 600)),
        ];
    }

    public LoadOptions Options { get; }

    public static StormScenario Parse(IReadOnlyList<string> words) =>
        new(new Arguments(words, ["connections", "back-within-s", .. TrafficOptions.Names, .. DeliveryReport.ObjectiveNames, .. LoadOptions.Names]));

    public async Task<Report> RunAsync(Site site, CancellationToken stop)
    {
        await using var run = new DeliveryRun(site, _plan, stop);
        var storm = new Storm(site, run, stop);
        var outcome = await run.RunAsync((users, _) => storm.Members = run.OverWebSockets(users), storm.BreakAsync, stop);
        IReadOnlyList<Figure> figures = [.. storm.Figures(), .. DeliveryReport.Figures(outcome)];
        return new Report
        {
            Scenario = "storm",
            Summary = string.Create(CultureInfo.InvariantCulture, $"{storm.Name} killed under {storm.Count} of {_plan.Members} connections, with {_plan.Schedule.Rate:0.##} publishes a second in {_plan.Schedule.Rooms} rooms."),
            Settings = [.. Options.Settings, .. DeliveryReport.Settings(_plan)],
            Figures = figures,
            Verdicts = [.. _objectives.Select(objective => objective.Judge(figures))],
            Tables = [storm.Table(), .. DeliveryReport.Tables(outcome, ("… to the others, meanwhile", storm.Others), ("… to those of the killed node, meanwhile", storm.Affected))],
            Charts = [storm.Chart(), .. DeliveryReport.Charts(outcome)],
            Notes =
            [
                "\"Meanwhile\" is from the kill until all were back and served; the first row of the latencies is of the time before and after it.",
                "Publishers that were connected to the killed node lose what is under way and what is due until they are back: those publishes count as unanswered and not sent.",
                .. DeliveryReport.Notes(outcome),
            ],
        };
    }

    private sealed class Storm(Site site, DeliveryRun run, CancellationToken stop)
    {
        private IReadOnlyList<CrowdClient> _victims = [];
        private TimeSpan?[] _served = [];
        private bool[] _isVictim = [];
        private TimeSpan _killed;
        private volatile bool _isOn;
        private IReadOnlyList<(double? Connected, double? CaughtUp, double? Served)> _times = [];

        public CrowdMembers Members { get; set; } = null!;

        public Latencies Others { get; } = new();

        public Latencies Affected { get; } = new();

        public string Name { get; private set; } = "";

        public int Count => _victims.Count;

        public async Task BreakAsync()
        {
            var clients = Members.Crowd.Clients;
            var names = await NodeNames.FindAsync(site.Dashboard, site.Users($"{Site.NewTag()}-probe", 1)[0].Token, stop);
            if (run.Start + run.Plan.Schedule.WarmUp + KilledAfter * run.Plan.Schedule.Length - site.Clock.Now is { Ticks: > 0 } wait) await Task.Delay(wait, stop);
            var node = clients.GroupBy(client => client.NodeId ?? "").Where(node => names.ContainsKey(node.Key)).MaxBy(node => node.Count())
                ?? throw new UsageException("No client's node is one of the dashboard's: the run must be on the machine of the system.");
            (_victims, Name) = ([.. node], names[node.Key]);
            _served = new TimeSpan?[clients.Count];
            _isVictim = new bool[clients.Count];
            foreach (var victim in _victims) _isVictim[victim.Number] = true;
            run.Sorted = Sort;
            _isOn = true;
            _killed = site.Clock.Now;
            await site.Dashboard.KillAsync(Name, () => site.Clock.Now, KillPatience, stop);
            await Members.Crowd.UntilAsync(_victims, client => IsBack(client) && _served[client.Number] is not null, BackPatience, stop);
            _isOn = false;
            _times =
            [
                .. _victims.Select(client => client.Last is { } last && IsBack(client)
                    ? ((last.ConnectedAt - _killed).TotalSeconds, (last.CaughtUpAt - _killed).TotalSeconds, _served[client.Number] is { } at ? (at - _killed).TotalSeconds : null)
                    : ((double?)null, (double?)null, (double?)null)),
            ];
            Others.Tick(site.Clock.Now - run.Start);
            Affected.Tick(site.Clock.Now - run.Start);
        }

        public IEnumerable<Figure> Figures()
        {
            var (others, never) = (Others.Summary(), _times.Count(time => time.Served is null));
            return
            [
                new("affected", "connections of the killed node", Count),
                new("never_back", "of them not back and served within two minutes", never),
                new("connected_max_s", "all connected elsewhere after", Max(time => time.Connected), "s"),
                new("caught_up_max_s", "all recovered after", Max(time => time.CaughtUp), "s"),
                new("back_max_s", "all recovered and served after", Max(time => time.Served), "s"),
                new("others_p99_ms", "latency of the others meanwhile, 99 %", others.Count == 0 ? null : others.P99, "ms"),
            ];

            double? Max(Func<(double? Connected, double? CaughtUp, double? Served), double?> of) => _times.Count == 0 || _times.Any(time => of(time) is null) ? null : _times.Max(of);
        }

        public Table Table()
        {
            return new Table("Back after the kill, s", ["what", "count", "50 %", "99 %", "max"], [Row("connected elsewhere", time => time.Connected), Row("recovered", time => time.CaughtUp), Row("served", time => time.Served)]);

            string[] Row(string name, Func<(double? Connected, double? CaughtUp, double? Served), double?> of)
            {
                double[] sorted = [.. _times.Select(of).OfType<double>().Order()];
                return [name, Figure.Format(sorted.Length), .. new[] { 0.5, 0.99, 1 }.Select(share => sorted.Length == 0 ? "–" : sorted[(int)Math.Ceiling(share * sorted.Length) - 1].ToString("0.00", CultureInfo.InvariantCulture))];
            }
        }

        public Chart Chart()
        {
            return new Chart("Clients of the killed node that are back", "s", "", [Curve("connected", time => time.Connected), Curve("recovered", time => time.CaughtUp), Curve("served", time => time.Served)]);

            Curve Curve(string name, Func<(double? Connected, double? CaughtUp, double? Served), double?> of) =>
                new(name, [new Point(0, 0), .. _times.Select(of).OfType<double>().Order().Select((time, i) => new Point(time, i + 1))]);
        }

        private bool IsBack(CrowdClient client) => client.IsCaughtUp && client.Last?.LostAt >= _killed;

        private Latencies Sort(int member, TimeSpan due, TimeSpan at)
        {
            if (!_isOn) return run.Deliveries;
            if (!_isVictim[member]) return Others;
            // Live, and not a part of what it missed: that comes before it is caught up.
            if (_served[member] is null && due > _killed && IsBack(Members.Crowd.Clients[member])) _served[member] = at;
            return Affected;
        }
    }
}
