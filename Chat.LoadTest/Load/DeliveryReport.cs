using System.Globalization;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Reporting;

namespace Chat.LoadTest.Load;

/// <summary>The parts of a report that every scenario with deliveries has.</summary>
internal static class DeliveryReport
{
    public static readonly IReadOnlyList<string> ObjectiveNames = ["p99-ms", "max-loss", "max-failed"];
    private const int ShownProblems = 10;
    // Then the generator has a share in the latencies that is worth a word.
    private const double LateMs = 20;

    /// <summary>What is promised without being asked for, and what was asked for.</summary>
    /// <param name="arguments">May name limits.</param>
    /// <param name="maxFailed">Where none is given; null where failures belong to the scenario.</param>
    /// <param name="latency">The figure that <c>--p99-ms</c> is about.</param>
    public static IReadOnlyList<Objective> Objectives(Arguments arguments, int? maxFailed = 0, string latency = "latency_p99_ms")
    {
        var objectives = new List<Objective>
        {
            new("max-loss", "lost", arguments.Number("max-loss", 0, min: 0, int.MaxValue)),
            new("", "duplicates", 0),
            new("", "reordered", 0),
            new("", "holes", 0),
            new("", "phantoms", 0),
        };
        if (arguments.Text("p99-ms") is not null) objectives.Add(new("p99-ms", latency, arguments.Number("p99-ms", 0.0, min: 0.001, max: 3_600_000)));
        if (maxFailed is not null || arguments.Text("max-failed") is not null) objectives.Add(new("max-failed", "failed", arguments.Number("max-failed", maxFailed ?? 0, min: 0, int.MaxValue)));
        return objectives;
    }

    public static IReadOnlyList<Figure> Figures(DeliveryOutcome outcome)
    {
        var (accounts, seconds) = (outcome.Accounts, outcome.Plan.Schedule.Length.TotalSeconds);
        var (deliveries, acks, lateness) = (outcome.Deliveries.Summary(), outcome.Acks.Summary(), outcome.Lateness.Summary());
        return
        [
            .. AccountFigures(accounts),
            new("deliveries_per_second", "deliveries a second, measured", deliveries.Count / seconds),
            new("latency_p50_ms", "latency, median", Known(deliveries, deliveries.P50), "ms"),
            new("latency_p99_ms", "latency, 99 %", Known(deliveries, deliveries.P99), "ms"),
            new("latency_max_ms", "latency, longest", Known(deliveries, deliveries.Max), "ms"),
            new("ack_p99_ms", "ack, 99 %", Known(acks, acks.P99), "ms"),
            new("generator_late_p99_ms", "lateness of the generator, 99 %", Known(lateness, lateness.P99), "ms"),
            new("connections_lost", "connections lost by members", outcome.Failures),
            new("server_cores", "CPU of all servers", outcome.ServerCores, "cores"),
            new("generator_cores", "CPU of the load generator", outcome.GeneratorCores, "cores"),
            new("server_us_per_delivery", "CPU of all servers for a delivery", deliveries.Count == 0 ? null : outcome.ServerCores * seconds * 1_000_000 / deliveries.Count, "µs"),
            new("bytes_per_delivery", "bytes of the members' connections for a delivery", deliveries.Count == 0 ? null : (double)outcome.Bytes / deliveries.Count, "B"),
        ];

        static double? Known(LatencySummary summary, double value) => summary.Count == 0 ? null : value;
    }

    public static IReadOnlyList<Figure> AccountFigures(Accounts accounts) =>
    [
        new("publishes", "publishes", accounts.Publishes),
        new("acked", "publishes acknowledged", accounts.Acked),
        new("failed", "publishes refused, unanswered or not sent", accounts.Refused + accounts.Unanswered + accounts.NotSent),
        new("refused", "… refused", accounts.Refused),
        new("unanswered", "… unanswered", accounts.Unanswered),
        new("not_sent", "… not sent, for want of a connection", accounts.NotSent),
        new("came_without_ack", "publishes without an ack that came all the same", accounts.CameWithoutAck),
        new("expected", "deliveries due", accounts.Expected),
        new("delivered", "deliveries", accounts.Delivered),
        new("lost", "lost", accounts.Lost),
        new("duplicates", "duplicates", accounts.Duplicates),
        new("reordered", "out of order", accounts.Reordered),
        new("holes", "numbers missing", accounts.Holes),
        new("phantoms", "messages that nobody sent", accounts.Phantoms),
    ];

    public static IEnumerable<Table> Tables(DeliveryOutcome outcome, params (string Name, Latencies Latencies)[] more)
    {
        yield return LatencyTable("Latencies, ms from the scheduled time", [("delivery", outcome.Deliveries), .. more, ("ack", outcome.Acks), ("lateness of the generator", outcome.Lateness)]);
        yield return ProcessReport.Table("Processes", outcome.Processes);
        if (outcome.Refusals.Count > 0) yield return new Table("Refusals", ["code", "publishes"], [.. outcome.Refusals.Select(refusal => new[] { refusal.Key, Figure.Format(refusal.Value) })]);
        if (outcome.Problems.Count > 0) yield return new Table("Examples of what was wrong", ["what"], [.. outcome.Problems.Take(ShownProblems).Select(problem => new[] { problem })]);
    }

    public static Table LatencyTable(string title, IEnumerable<(string Name, Latencies Latencies)> all) => new(
        title, ["of", "count", "mean", "50 %", "90 %", "99 %", "99.9 %", "max"],
        [
            .. all.Select(one =>
            {
                var summary = one.Latencies.Summary();
                return (string[])[one.Name, Figure.Format(summary.Count), .. new[] { summary.Mean, summary.P50, summary.P90, summary.P99, summary.P999, summary.Max }.Select(ms => summary.Count == 0 ? "–" : ms.ToString("#,0.00", CultureInfo.InvariantCulture))];
            }),
        ]);

    public static IEnumerable<Chart> Charts(DeliveryOutcome outcome)
    {
        var points = outcome.Deliveries.Points;
        yield return new Chart("Latency of deliveries", "s", "ms", [Over("50 %", point => point.P50), Over("99 %", point => point.P99), Over("longest", point => point.Max)]);
        yield return new Chart("Deliveries of each interval", "s", "", [Over("deliveries", point => point.Count)]);
        yield return ProcessReport.CpuChart("CPU", outcome.Processes);

        Curve Over(string name, Func<LatencyPoint, double> value) => new(name, [.. points.Select(point => new Point(point.At.TotalSeconds, value(point)))]);
    }

    public static IEnumerable<string> Notes(DeliveryOutcome outcome)
    {
        yield return "A latency counts from the moment for which the publish was scheduled, so that what waits behind a stall is late too.";
        if (outcome.Lateness.Summary().P99 > LateMs)
            yield return string.Create(CultureInfo.InvariantCulture, $"The generator itself was up to {outcome.Lateness.Summary().P99:0} ms late (99 %): this machine had more to do than it could, and the latencies are those of an overloaded one.");
        yield return "Bytes are those of the connections, with handshakes and frame heads, without TCP and IP.";
    }

    public static IEnumerable<Setting> Settings(DeliveryPlan plan) =>
    [
        new("rooms", Figure.Format(plan.Schedule.Rooms)),
        new("members in each", Figure.Format(plan.MembersPerRoom)),
        new("publishes a second", Figure.Format(plan.Schedule.Rate)),
        new("bytes of a message", Figure.Format(plan.Bytes)),
        new("warm-up, s", Figure.Format(plan.Schedule.WarmUp.TotalSeconds)),
        new("measured, s", Figure.Format(plan.Schedule.Length.TotalSeconds)),
    ];
}
