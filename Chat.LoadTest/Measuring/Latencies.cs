using HdrHistogram;

namespace Chat.LoadTest.Measuring;

/// <summary>
/// Times from 1 µs to an hour with three digits, in an HdrHistogram: any number of them in constant memory, and the far tail as exact as the median.
/// Recorded by many at once; <see cref="Tick"/> and what reads are for one.
/// </summary>
internal sealed class Latencies
{
    private const long MaxMicroseconds = 3_600_000_000;
    private const int Digits = 3;

    private readonly Recorder _recorder = new(1, MaxMicroseconds, Digits, (id, lowest, highest, digits) => new LongConcurrentHistogram(id, lowest, highest, digits));
    private readonly LongHistogram _all = new(1, MaxMicroseconds, Digits);
    private readonly List<LatencyPoint> _points = [];
    private HistogramBase? _used;

    /// <summary>One for each <see cref="Tick"/> in which something came.</summary>
    public IReadOnlyList<LatencyPoint> Points => _points;

    public void Record(TimeSpan time) => _recorder.RecordValue(Math.Clamp((long)time.TotalMicroseconds, 1, MaxMicroseconds));

    /// <summary>Closes an interval.</summary>
    /// <param name="at">Its end, from the start of the run.</param>
    public void Tick(TimeSpan at)
    {
        _used = _recorder.GetIntervalHistogram(_used);
        if (_used.TotalCount == 0) return;
        _all.Add(_used);
        _points.Add(new LatencyPoint(at, _used.TotalCount, Milliseconds(_used, 50), Milliseconds(_used, 99), _used.GetMaxValue() / 1000.0));
    }

    public LatencySummary Summary() => _all.TotalCount == 0
        ? new LatencySummary(0, 0, 0, 0, 0, 0, 0)
        : new LatencySummary(_all.TotalCount, Milliseconds(_all, 50), Milliseconds(_all, 90), Milliseconds(_all, 99), Milliseconds(_all, 99.9), _all.GetMaxValue() / 1000.0, _all.GetMean() / 1000);

    private static double Milliseconds(HistogramBase histogram, double percentile) => histogram.GetValueAtPercentile(percentile) / 1000.0;
}

/// <summary>Of one interval; times in milliseconds.</summary>
internal sealed record LatencyPoint(TimeSpan At, long Count, double P50, double P99, double Max);

/// <summary>Of a run; times in milliseconds, 0 when there were none.</summary>
internal sealed record LatencySummary(long Count, double P50, double P90, double P99, double P999, double Max, double Mean);
