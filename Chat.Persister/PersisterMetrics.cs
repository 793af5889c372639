using System.Diagnostics.Metrics;

namespace Chat.Persister;

/// <summary>The persister's figures. Names are those that dashboards and scripts know, without a unit that an exporter would append.</summary>
internal sealed class PersisterMetrics : IDisposable
{
    private readonly Meter _meter = new("Chat.Persister");
    private readonly Counter<long> _persisted;
    private readonly Counter<long> _dead;
    private long _lag;

    public PersisterMetrics()
    {
        _persisted = _meter.CreateCounter<long>("chat_persisted_total", description: "Events written to Postgres.");
        _dead = _meter.CreateCounter<long>("chat_persist_dead_total", description: "Records copied to the dead letters.");
        _meter.CreateObservableGauge("chat_persist_lag_events", () => Interlocked.Read(ref _lag), description: "Records in the log of this process' partitions that are not in Postgres yet.");
    }

    public void Persisted(int events) => _persisted.Add(events);

    public void Dead() => _dead.Add(1);

    public void Lag(long records) => Interlocked.Exchange(ref _lag, records);

    public void Dispose() => _meter.Dispose();
}
