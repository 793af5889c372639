using System.Globalization;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Reporting;

namespace Chat.LoadTest.Load;

/// <summary>Light traffic for minutes or hours: whether the services grow.</summary>
internal sealed class SoakScenario : IScenario
{
    private const int MembersPerRoom = 20;
    private const double Mega = 1024 * 1024;
    // Less is the breathing of a heap.
    private const double NoGrowthMegabytes = 16;

    private readonly DeliveryPlan _plan;
    private readonly TimeSpan _every;
    private readonly IReadOnlyList<Objective> _objectives;

    private SoakScenario(Arguments arguments)
    {
        Options = LoadOptions.Parse(arguments);
        var connections = arguments.Number("connections", 500, min: 1, ConnectionLimit.Most);
        ConnectionLimit.Check(connections, Options);
        var rooms = (connections + MembersPerRoom - 1) / MembersPerRoom;
        var minutes = arguments.Number("minutes", 10.0, min: 0.5, max: 24 * 60);
        _plan = new DeliveryPlan((connections + rooms - 1) / rooms, arguments.Number("bytes", 100, min: 16, max: 20_000), TrafficOptions.Schedule(arguments, rooms, rate: 20, seconds: 60 * minutes));
        _every = TimeSpan.FromSeconds(arguments.Number("sample-seconds", Math.Clamp(60 * minutes / 40, 1, 60), min: 1, max: 3_600));
        if (_plan.Schedule.Length / _every < Growth.MinSamples)
            throw new UsageException($"--sample-seconds is {_every.TotalSeconds:0.#}: {Growth.MinSamples} samples are needed to see growth in {minutes} minutes; sample more often or run longer.");
        _objectives = [.. DeliveryReport.Objectives(arguments), new("max-growth-percent", "growth_percent", arguments.Number("max-growth-percent", 20.0, min: 0, max: 10_000))];
    }

    public LoadOptions Options { get; }

    public static SoakScenario Parse(IReadOnlyList<string> words) => new(new Arguments(
        words, ["connections", "minutes", "sample-seconds", "max-growth-percent", .. TrafficOptions.Names.Where(name => name != "seconds"), .. DeliveryReport.ObjectiveNames, .. LoadOptions.Names]));

    public async Task<Report> RunAsync(Site site, CancellationToken stop)
    {
        await using var run = new DeliveryRun(site, _plan, stop);
        var samples = new List<Sample>();
        using var watch = new ProcessWatch(site.Dashboard, site.Clock);
        var outcome = await run.RunAsync((users, _) => run.OverWebSockets(users), SampleAsync, stop);

        var series = samples.SelectMany(sample => sample.Processes.Select(process => process.Name)).Distinct().Select(name => new Series(name, samples)).ToList();
        var judged = series.Where(one => one.IsJudged).ToList();
        var growths = judged.Select(one => one.GrowthPercent).ToList();
        IReadOnlyList<Figure> figures =
        [
            new("growth_percent", "growth of the service that grew most", judged.Count == 0 ? null : growths.Max(), "%"),
            new("redis_keys_before", "keys in Redis, at first", samples[0].RedisKeys),
            new("redis_keys_after", "keys in Redis, at last", samples[^1].RedisKeys),
            new("redis_mb_before", "memory of Redis' data, at first", samples[0].RedisBytes / Mega, "MB"),
            new("redis_mb_after", "memory of Redis' data, at last", samples[^1].RedisBytes / Mega, "MB"),
            .. DeliveryReport.Figures(outcome),
        ];
        return new Report
        {
            Scenario = "soak",
            Summary = string.Create(CultureInfo.InvariantCulture, $"{_plan.Members} connections and {_plan.Schedule.Rate:0.##} publishes a second for {_plan.Schedule.Length.TotalMinutes:0.#} minutes: {outcome.Accounts.Delivered} deliveries, {samples.Count} samples."),
            Settings = [.. Options.Settings, .. DeliveryReport.Settings(_plan), new("sample every, s", Figure.Format(_every.TotalSeconds))],
            Figures = figures,
            Verdicts = [.. _objectives.Select(objective => objective.Judge(figures))],
            Tables = [new Table("Growth, PSS in MB", ["process", "second quarter, median", "last quarter, median", "growth", "judged"], [.. series.Select(one => one.Row)]), .. DeliveryReport.Tables(outcome)],
            Charts =
            [
                new Chart("Memory, PSS", "min", "MB", [.. series.Select(one => one.Curve(process => process.Memory?.PssBytes / Mega))]),
                new Chart("Heap after the last collection", "min", "MB", [.. judged.Select(one => one.Curve(process => process.Runtime?.HeapBytes / Mega))]),
                new Chart("Redis", "min", "MB", [new Curve("data", [.. samples.Where(sample => sample.RedisBytes is not null).Select(sample => new Point(sample.At.TotalMinutes, sample.RedisBytes!.Value / Mega))])]),
                new Chart("Keys in Redis", "min", "", [new Curve("keys", [.. samples.Where(sample => sample.RedisKeys is not null).Select(sample => new Point(sample.At.TotalMinutes, sample.RedisKeys!.Value))])]),
                .. DeliveryReport.Charts(outcome),
            ],
            Notes =
            [
                $"Growth compares the medians of the second and of the last quarter of the samples, and is 0 below {NoGrowthMegabytes} MB. Judged are the services that tell of their .NET heap; Redis, Kafka and Postgres keep what was sent, and grow with it.",
                .. DeliveryReport.Notes(outcome),
            ],
        };

        async Task SampleAsync()
        {
            var begin = run.Start + _plan.Schedule.WarmUp;
            for (var next = begin; next < begin + _plan.Schedule.Length; next += _every)
            {
                if (next - site.Clock.Now is { Ticks: > 0 } wait) await Task.Delay(wait, stop);
                var (keys, bytes) = await RedisAsync(site, stop);
                samples.Add(new Sample(site.Clock.Now - begin, await watch.SampleAsync(stop), keys, bytes));
            }
        }
    }

    /// <summary>Null where Redis cannot be asked.</summary>
    private static async Task<(double? Keys, double? Bytes)> RedisAsync(Site site, CancellationToken stop)
    {
        if ((await site.Dashboard.ProcessesOfAsync("redis", stop)).FirstOrDefault() is not { ConnectionString: { } connection, Urls: [var url, ..] }) return (null, null);
        try
        {
            var keys = await RedisCommandLine.AskAsync(url, connection, stop, "DBSIZE");
            var memory = await RedisCommandLine.AskAsync(url, connection, stop, "INFO", "memory");
            var used = memory.Split("\r\n").First(line => line.StartsWith("used_memory:", StringComparison.Ordinal)).Split(':')[1];
            return (double.Parse(keys, CultureInfo.InvariantCulture), double.Parse(used, CultureInfo.InvariantCulture));
        }
        catch (Exception away) when (away is System.Net.Sockets.SocketException or IOException)
        {
            return (null, null);
        }
    }

    private sealed record Sample(TimeSpan At, IReadOnlyList<ProcessSample> Processes, double? RedisKeys, double? RedisBytes);

    private sealed class Series(string name, IReadOnlyList<Sample> samples)
    {
        private readonly IReadOnlyList<(TimeSpan At, ProcessSample Process)> _samples =
            [.. samples.SelectMany(sample => sample.Processes.Where(process => process.Name == name).Select(process => (sample.At, process)))];

        public bool IsJudged => name != ProcessWatch.Generator && _samples.Any(sample => sample.Process.Runtime is not null);

        /// <summary>Null when there were too few samples.</summary>
        public double? GrowthPercent => Medians is not { } medians ? null : medians.To - medians.From < NoGrowthMegabytes ? 0 : 100 * (medians.To - medians.From) / medians.From;

        public IReadOnlyList<string> Row => Medians is { } medians
            ? [name, Text(medians.From), Text(medians.To), $"{Text(100 * (medians.To - medians.From) / medians.From)} %", IsJudged ? "yes" : "no"]
            : [name, "–", "–", "–", IsJudged ? "yes" : "no"];

        private (double From, double To)? Medians => Growth.Of([.. _samples.Select(sample => sample.Process.Memory?.PssBytes / Mega).OfType<double>()]);

        public Curve Curve(Func<ProcessSample, double?> of) =>
            new(name, [.. _samples.Where(sample => of(sample.Process) is not null).Select(sample => new Point(sample.At.TotalMinutes, of(sample.Process)!.Value))]);

        private static string Text(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
    }
}
