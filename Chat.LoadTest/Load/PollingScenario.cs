using System.Globalization;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Reporting;

namespace Chat.LoadTest.Load;

/// <summary>
/// The same messages to the same number of users in one room, over WebSockets, by short polling and by long polling, one after the other: what each costs, and how
/// late each is. Publishing is the same in all three.
/// </summary>
internal sealed class PollingScenario : IScenario
{
    private static readonly TimeSpan RestLength = TimeSpan.FromSeconds(5);

    private readonly DeliveryPlan _plan;
    private readonly TimeSpan _interval;
    private readonly IReadOnlyList<Objective> _objectives;

    private PollingScenario(Arguments arguments)
    {
        Options = LoadOptions.Parse(arguments);
        _plan = new DeliveryPlan(arguments.Number("users", 200, min: 1, 2_000), arguments.Number("bytes", 100, min: 16, max: 20_000), TrafficOptions.Schedule(arguments, rooms: 1, rate: 2, seconds: 20, warmUp: 10));
        _interval = TimeSpan.FromMilliseconds(arguments.Number("interval-ms", 1_000, min: 10, max: 60_000));
        _objectives = DeliveryReport.Objectives(arguments, latency: "websocket_p99_ms");
    }

    public LoadOptions Options { get; }

    public static PollingScenario Parse(IReadOnlyList<string> words) =>
        new(new Arguments(words, ["users", "interval-ms", .. TrafficOptions.Names, .. DeliveryReport.ObjectiveNames, .. LoadOptions.Names]));

    public async Task<Report> RunAsync(Site site, CancellationToken stop)
    {
        var rests = new List<double> { await RestAsync(site, stop) };
        Way[] ways =
        [
            await WayAsync("websocket", "WebSocket", interval: null, overWebSockets: true),
            await WayAsync("short_polling", string.Create(CultureInfo.InvariantCulture, $"short polling, {_interval.TotalMilliseconds:0} ms"), _interval, overWebSockets: false),
            await WayAsync("long_polling", "long polling", interval: null, overWebSockets: false),
        ];
        return Tell(ways, rests);

        async Task<Way> WayAsync(string key, string name, TimeSpan? interval, bool overWebSockets)
        {
            var outcome = await WithAsync(interval, overWebSockets);
            rests.Add(await RestAsync(site, stop));
            return new Way(key, name, outcome, outcome.ServerCores - (rests[^2] + rests[^1]) / 2);
        }

        async Task<DeliveryOutcome> WithAsync(TimeSpan? interval, bool overWebSockets)
        {
            await using var run = new DeliveryRun(site, _plan, stop);
            return await run.RunAsync(
                (users, rooms) => overWebSockets
                    ? run.OverWebSockets(users)
                    : new PollingMembers([.. users.Select((user, i) => new PollingClient(i, site.Routes[i % site.Routes.Count], user, rooms[i], interval, site.Clock, run))]),
                meanwhile: null, stop);
        }
    }

    /// <summary>Cores that the servers use when nobody is there. It is in every way's figure too, and looked at before and after each.</summary>
    private static async Task<double> RestAsync(Site site, CancellationToken stop)
    {
        using var watch = new ProcessWatch(site.Dashboard, site.Clock);
        await watch.LookAsync(stop);
        watch.Begin();
        await Task.Delay(RestLength, stop);
        return (await watch.EndAsync(stop)).Where(process => process.Name != ProcessWatch.Generator).Sum(process => process.Cores);
    }

    private Report Tell(IReadOnlyList<Way> ways, IReadOnlyList<double> rests)
    {
        var unsure = rests.Max() - rests.Min();
        var all = ways.Select(way => way.Outcome.Accounts).Aggregate((sum, one) => sum + one);
        var seconds = _plan.Schedule.Length.TotalSeconds;
        IReadOnlyList<Figure> figures =
        [
            .. ways.SelectMany(way =>
            {
                var latency = way.Outcome.Deliveries.Summary();
                return new Figure[]
                {
                    new($"{way.Key}_p50_ms", $"{way.Name}: latency, median", latency.Count == 0 ? null : latency.P50, "ms"),
                    new($"{way.Key}_p99_ms", $"{way.Name}: latency, 99 %", latency.Count == 0 ? null : latency.P99, "ms"),
                    new($"{way.Key}_bytes_per_user_second", $"{way.Name}: bytes a second for a user", way.Outcome.Bytes / seconds / _plan.Members, "B/s"),
                    new($"{way.Key}_requests_per_second", $"{way.Name}: requests a second", way.Outcome.Requests / seconds, "/s"),
                    new($"{way.Key}_server_cores", $"{way.Name}: CPU of all servers", way.Outcome.ServerCores, "cores"),
                    new($"{way.Key}_server_cores_above_rest", $"{way.Name}: CPU of all servers above rest", way.AboveRest, "cores"),
                    new($"{way.Key}_generator_cores", $"{way.Name}: CPU of the load generator", way.Outcome.GeneratorCores, "cores"),
                };
            }),
            new("rest_server_cores", "CPU of all servers at rest, mean of all looks", rests.Average(), "cores"),
            new("rest_server_cores_unsure", "CPU of all servers at rest, between the lowest and the highest look", unsure, "cores"),
            .. DeliveryReport.AccountFigures(all),
        ];
        return new Report
        {
            Scenario = "polling",
            Summary = string.Create(CultureInfo.InvariantCulture, $"{_plan.Schedule.Rate:0.##} messages a second to {_plan.Members} users in one room, for {seconds:0.#} s in each of three ways."),
            Settings = [.. Options.Settings, .. DeliveryReport.Settings(_plan), new("short polling every, ms", Figure.Format(_interval.TotalMilliseconds))],
            Figures = figures,
            Verdicts = [.. _objectives.Select(objective => objective.Judge(figures))],
            Tables =
            [
                Comparison(ways, unsure),
                DeliveryReport.LatencyTable("Latencies, ms from the scheduled time", ways.Select(way => (way.Name, way.Outcome.Deliveries))),
                .. ways.Select(way => ProcessReport.Table($"Processes, {way.Name}", way.Outcome.Processes)),
            ],
            Charts =
            [
                new Chart("Latency of deliveries, 99 % of each second", "s", "ms", [.. ways.Select(way => new Curve(way.Name, [.. way.Outcome.Deliveries.Points.Select(point => new Point(point.At.TotalSeconds, point.P99))]))]),
                .. ways.Select(way => ProcessReport.CpuChart($"CPU, {way.Name}", way.Outcome.Processes)),
            ],
            Notes =
            [
                "Requests and bytes are of the members within the measured time: the handshake of a WebSocket lies before it. \"above rest\" is the CPU of the servers without what they used, before and after, when nobody was there; two ways that differ by no more than these looks at rest do are not told apart.",
                "A user of short polling waits for half an interval on the average, however fast the server is; asking more often costs requests whether something is new or not.",
                .. ways.SelectMany(way => DeliveryReport.Notes(way.Outcome)).Distinct(),
            ],
        };
    }

    private static Table Comparison(IReadOnlyList<Way> ways, double unsure)
    {
        var first = ways[0].Outcome;
        return new Table(
            "WebSockets against polling",
            ["way", "latency 50 %, ms", "latency 99 %, ms", "requests", "bytes", "bytes, × WebSocket", "server CPU, cores", "above rest", "above rest, × WebSocket", "generator, cores", "failed requests"],
            [
                .. ways.Select(way =>
                {
                    var (outcome, latency) = (way.Outcome, way.Outcome.Deliveries.Summary());
                    return (string[])
                    [
                        way.Name, Number(latency.P50, "#,0.0"), Number(latency.P99, "#,0.0"), Number(outcome.Requests, "#,0"), Number(outcome.Bytes, "#,0"),
                        Times(outcome.Bytes, first.Bytes), Number(outcome.ServerCores, "0.000"), Number(way.AboveRest, "0.000"),
                        // What rest itself differs by cannot tell two ways apart.
                        way == ways[0] ? "1.0" : Math.Abs(way.AboveRest - ways[0].AboveRest) <= unsure || ways[0].AboveRest <= unsure ? "not told apart" : Times(way.AboveRest, ways[0].AboveRest), Number(outcome.GeneratorCores, "0.000"), Number(outcome.Failures, "#,0"),
                    ];
                }),
            ]);

        static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

        static string Times(double value, double of) => of > 0 ? Number(value / of, "0.0") : "–";
    }

    private sealed record Way(string Key, string Name, DeliveryOutcome Outcome, double AboveRest);
}
