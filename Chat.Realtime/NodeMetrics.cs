using System.Diagnostics.Metrics;

namespace Chat.Realtime;

/// <summary>All instruments of a node. Names are those of the Prometheus page: the exporter prints them unchanged.</summary>
public sealed class NodeMetrics : IDisposable
{
    public const string MeterName = "Chat.Realtime";

    private readonly Meter _meter;
    private readonly UpDownCounter<int> _connections;
    private readonly Counter<long> _accepted;
    private readonly Counter<long> _deliveries;
    private readonly Counter<long> _slowConsumers;
    private readonly Counter<long> _repairs;
    private readonly Histogram<double> _accept;
    private readonly Histogram<double> _delivery;

    public NodeMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _connections = _meter.CreateUpDownCounter<int>("chat_connections", description: "Open client connections.");
        _accepted = _meter.CreateCounter<long>("chat_messages_accepted_total", description: "Durable events that this node acked.");
        _deliveries = _meter.CreateCounter<long>("chat_deliveries_total", description: "Events written to client connections.");
        _slowConsumers = _meter.CreateCounter<long>("chat_slow_consumers_total", description: "Connections closed with 4408.");
        _repairs = _meter.CreateCounter<long>("chat_repairs_total", description: "Gaps of a room or a direct room that were read from history.");
        var seconds = new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10] };
        _accept = _meter.CreateHistogram("chat_accept_seconds", "s", "From command to ack of a durable event.", advice: seconds);
        _delivery = _meter.CreateHistogram("chat_delivery_seconds", "s", "From accepted, by the event's timestamp, to written.", advice: seconds);
    }

    public void ConnectionOpened() => _connections.Add(1);
    public void ConnectionClosed() => _connections.Add(-1);
    public void Accepted(TimeSpan took)
    {
        _accepted.Add(1);
        _accept.Record(took.TotalSeconds);
    }
    /// <summary>Events written; <paramref name="age"/> is that of the oldest of them.</summary>
    public void Delivered(int count, TimeSpan age)
    {
        _deliveries.Add(count);
        // Clocks of two hosts may differ by more than a delivery takes.
        _delivery.Record(Math.Max(0, age.TotalSeconds));
    }
    public void SlowConsumer() => _slowConsumers.Add(1);
    public void Repaired() => _repairs.Add(1);

    public void Dispose() => _meter.Dispose();
}
