using System.Diagnostics.Metrics;

namespace Chat.Realtime;

/// <summary>All instruments of a node. Names are those of the Prometheus page: the exporter prints them unchanged.</summary>
public sealed class NodeMetrics : IDisposable
{
    public const string MeterName = "Chat.Realtime";

    private readonly Meter _meter;

    // Observed and not pushed: such a counter is on the page from the start, with 0, and not only after its first event.
    private long _connections, _accepted, _deliveries, _slowConsumers, _repairs;
    private long _deliveredAtMs;
    private readonly Histogram<double> _accept;
    private readonly Histogram<double> _delivery;

    public NodeMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _meter.CreateObservableUpDownCounter("chat_connections", () => Interlocked.Read(ref _connections), description: "Open client connections.");
        _meter.CreateObservableCounter("chat_messages_accepted_total", () => Interlocked.Read(ref _accepted), description: "Durable events that this node acked.");
        _meter.CreateObservableCounter("chat_deliveries_total", () => Interlocked.Read(ref _deliveries), description: "Events written to client connections.");
        _meter.CreateObservableCounter("chat_slow_consumers_total", () => Interlocked.Read(ref _slowConsumers), description: "Connections closed with 4408.");
        _meter.CreateObservableCounter("chat_repairs_total", () => Interlocked.Read(ref _repairs), description: "Gaps of a room or a direct room that were read from history.");
        var seconds = new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10] };
        _accept = _meter.CreateHistogram("chat_accept_seconds", "s", "From command to ack of a durable event.", advice: seconds);
        _delivery = _meter.CreateHistogram("chat_delivery_seconds", "s", "From accepted, by the event's timestamp, to written.", advice: seconds);
    }

    public void ConnectionOpened() => Interlocked.Increment(ref _connections);
    public void ConnectionClosed() => Interlocked.Decrement(ref _connections);
    public void Accepted(TimeSpan took)
    {
        Interlocked.Increment(ref _accepted);
        _accept.Record(took.TotalSeconds);
    }
    /// <summary>
    /// Events written, all of them at <paramref name="now"/>; a room's to all who took them at once are one call, since recording an age costs more than
    /// counting. <paramref name="acceptedAtMs"/> is that of the oldest in Unix milliseconds, 0 for what is no durable event and not counted.
    /// </summary>
    public void Delivered(int count, long acceptedAtMs, DateTimeOffset now)
    {
        if (count == 0 || acceptedAtMs == 0) return;
        Interlocked.Add(ref _deliveries, count);
        var nowMs = now.ToUnixTimeMilliseconds();
        Volatile.Write(ref _deliveredAtMs, nowMs);
        // Clocks of two hosts may differ by more than a delivery takes.
        _delivery.Record(Math.Max(0, nowMs - acceptedAtMs) / 1_000.0);
    }
    /// <summary>When the last durable event was written to a connection, in Unix milliseconds; 0 for never.</summary>
    public long DeliveredAtMs => Volatile.Read(ref _deliveredAtMs);

    public void SlowConsumer() => Interlocked.Increment(ref _slowConsumers);
    public void Repaired() => Interlocked.Increment(ref _repairs);

    public void Dispose() => _meter.Dispose();
}
