using System.Globalization;
using Chat.LoadTest.Faults;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Reporting;

/// <summary>Uptime as users feel it, per fault.</summary>
/// <param name="Window">The fault.</param>
/// <param name="LongestSilence">The longest time without a successful ack of anybody, from its beginning until the next fault begins.</param>
/// <param name="WithinOneSecond">Share of the operations first sent in that time which were acked within 1 s.</param>
internal sealed record FaultFigures(FaultWindow Window, TimeSpan LongestSilence, double WithinOneSecond);

/// <summary>The figures of a run.</summary>
internal sealed record RunFigures
{
    private static readonly TimeSpan Prompt = TimeSpan.FromSeconds(1);

    public required int Seed { get; init; }
    public required TimeSpan Length { get; init; }
    public required int Operations { get; init; }
    public required IReadOnlyDictionary<string, int> Wishes { get; init; }
    public required int Attempts { get; init; }
    public required int Events { get; init; }
    public required int Sights { get; init; }
    public required IReadOnlyDictionary<string, int> Failures { get; init; }
    public required double WithinOneSecond { get; init; }
    public required TimeSpan LongestSilence { get; init; }
    public required IReadOnlyList<FaultFigures> Faults { get; init; }
    public required int Outages { get; init; }
    public required TimeSpan RecoveryMedian { get; init; }
    public required TimeSpan RecoveryP99 { get; init; }
    public required int Violations { get; init; }

    public static RunFigures Of(FaultRunResult result)
    {
        var record = result.Record;
        var acked = record.Acks.GroupBy(a => a.Operation).ToDictionary(g => g.Key, g => g.Min(a => a.At));
        var sent = record.Attempts.GroupBy(a => a.Operation).Select(g => (At: g.Min(a => a.At), Acked: acked.TryGetValue(g.Key, out var at) ? at : (TimeSpan?)null)).ToArray();
        var ackTimes = record.Acks.Select(a => a.At).Order().ToArray();
        var writingEnds = ackTimes.Length > 0 ? ackTimes[^1] : TimeSpan.Zero;
        var windows = result.Faults.OrderBy(window => window.From).ToArray();
        var recoveries = result.Outages.Select(outage => outage.To - outage.From).Order().ToArray();
        return new RunFigures
        {
            Seed = result.Seed,
            Length = result.Length,
            Operations = sent.Length,
            Wishes = Counted(record.Wishes.Values.Select(wish => wish.EventType)),
            Attempts = record.Attempts.Count,
            Events = record.History.Values.Sum(events => events.Count),
            Sights = record.Readers.Sum(reader => reader.Steps.OfType<Saw>().Count()),
            Failures = Counted(record.Failures.Select(f => f.Code)),
            WithinOneSecond = ShareWithin(sent, TimeSpan.Zero, TimeSpan.MaxValue),
            LongestSilence = Silence(ackTimes, ackTimes.FirstOrDefault(), writingEnds),
            Faults = [.. windows.Select((window, i) =>
            {
                var until = i + 1 < windows.Length ? windows[i + 1].From : writingEnds;
                return new FaultFigures(window, Silence(ackTimes, window.From, until), ShareWithin(sent, window.From, until));
            })],
            Outages = recoveries.Length,
            RecoveryMedian = Percentile(recoveries, 0.5),
            RecoveryP99 = Percentile(recoveries, 0.99),
            Violations = result.Violations.Count,
        };
    }

    public IEnumerable<string> Lines()
    {
        foreach (var fault in Faults)
            yield return Text($"  {fault.Window.From.TotalSeconds,6:0.0} s  {fault.Window.Name,-24} {fault.Window.Target,-34} healthy after {(fault.Window.HealthyAt - fault.Window.From).TotalSeconds,4:0.0} s, longest without an ack {fault.LongestSilence.TotalSeconds,4:0.0} s, {fault.WithinOneSecond:0.0%} within 1 s");
        yield return Text($"  operations: {string.Join(", ", Wishes.Select(w => $"{w.Value} {w.Key}"))}");
        yield return Text($"  failed tries: {(Failures.Count == 0 ? "none" : string.Join(", ", Failures.Select(f => $"{f.Value} {f.Key}")))}; readers lost their connection {Outages} times, back and caught up after {RecoveryMedian.TotalSeconds:0.0} s (median), {RecoveryP99.TotalSeconds:0.0} s (99 %)");
        yield return Text($"seed {Seed}: {(Violations == 0 ? "all promises held" : $"{Violations} VIOLATIONS")}; {Faults.Count} faults in {Length.TotalMinutes:0.0} min, {Operations} operations in {Attempts} tries, {Events} events, {Sights} deliveries looked at; {WithinOneSecond:0.0%} acked within 1 s, longest without an ack {LongestSilence.TotalSeconds:0.0} s");
    }

    private static Dictionary<string, int> Counted(IEnumerable<string> names) =>
        names.GroupBy(name => name).OrderBy(g => g.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count());

    private static TimeSpan Silence(TimeSpan[] acks, TimeSpan from, TimeSpan until)
    {
        var (last, longest) = (from, TimeSpan.Zero);
        foreach (var at in acks.Where(at => at > from && at < until).Append(until))
        {
            if (at - last > longest) longest = at - last;
            last = at;
        }
        return longest;
    }

    private static double ShareWithin((TimeSpan At, TimeSpan? Acked)[] sent, TimeSpan from, TimeSpan until)
    {
        var (prompt, all) = (0, 0);
        foreach (var (at, acked) in sent)
        {
            if (at < from || at >= until) continue;
            all++;
            if (acked - at <= Prompt) prompt++;
        }
        return all == 0 ? 1 : (double)prompt / all;
    }

    private static TimeSpan Percentile(TimeSpan[] sorted, double share) =>
        sorted.Length == 0 ? TimeSpan.Zero : sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
