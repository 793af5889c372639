using System.Diagnostics.Metrics;

namespace Chat.Persister;

/// <summary>The persister's figures. Names are those that dashboards and scripts know, without a unit that an exporter would append.</summary>
internal sealed class PersisterMetrics : IDisposable
{
    private readonly Meter _meter = new("Chat.Persister");
    // Observed and not pushed: such a counter is on the page from the start, with 0.
    private long _persisted, _dead, _lag;

    public PersisterMetrics()
    {
        _meter.CreateObservableCounter("chat_persisted_total", () => Interlocked.Read(ref _persisted), description: "Events written to Postgres.");
        _meter.CreateObservableCounter("chat_persist_dead_total", () => Interlocked.Read(ref _dead), description: "Records copied to the dead letters.");
        _meter.CreateObservableGauge("chat_persist_lag_events", () => Interlocked.Read(ref _lag), description: "Records in the log of this process' partitions that are not in Postgres yet.");
    }

    public void Persisted(int events) => Interlocked.Add(ref _persisted, events);

    public void Dead() => Interlocked.Increment(ref _dead);

    public void Lag(long records) => Interlocked.Exchange(ref _lag, records);

    public void Dispose() => _meter.Dispose();
}
