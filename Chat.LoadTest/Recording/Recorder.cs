namespace Chat.LoadTest.Recording;

/// <summary>Collects what all clients do. Bounded by the length of the run, since each client is paced.</summary>
internal sealed class Recorder(RunClock clock)
{
    private readonly Lock _gate = new();
    private readonly List<SendAttempt> _attempts = [];
    private readonly List<SendAck> _acks = [];
    private readonly List<SendFailure> _failures = [];
    private readonly List<Outage> _outages = [];
    private readonly Dictionary<OperationKey, string> _eventIds = [];

    public RunClock Clock { get; } = clock;

    /// <summary>To be called before the first byte leaves; returns when that was.</summary>
    public TimeSpan Sending(OperationKey operation, Wish wish, string route, int connection)
    {
        lock (_gate)
        {
            var now = Clock.Now;
            _attempts.Add(new SendAttempt(operation, wish, route, connection, now));
            return now;
        }
    }

    public void Acked(OperationKey operation, string eventId, long seq, string epoch, string route, int connection)
    {
        lock (_gate)
        {
            _acks.Add(new SendAck(operation, eventId, seq, epoch, route, connection, Clock.Now));
            _eventIds.TryAdd(operation, eventId);
        }
    }

    public void Failed(OperationKey operation, string code, string route, TimeSpan sentAt)
    {
        lock (_gate) _failures.Add(new SendFailure(operation, code, route, sentAt, Clock.Now));
    }

    /// <summary>The event that an operation became; null while it has no ack.</summary>
    public string? EventIdOf(OperationKey operation)
    {
        lock (_gate) return _eventIds.GetValueOrDefault(operation);
    }

    public void Recovered(string reader, TimeSpan lostAt)
    {
        lock (_gate) _outages.Add(new Outage(reader, lostAt, Clock.Now));
    }

    public int AckCount
    {
        get { lock (_gate) return _acks.Count; }
    }

    public IReadOnlyList<Outage> Outages
    {
        get { lock (_gate) return [.. _outages]; }
    }

    /// <summary>What was recorded so far; readers, history and Postgres are added by the run.</summary>
    public RunRecord Take()
    {
        lock (_gate) return new RunRecord { Attempts = [.. _attempts], Acks = [.. _acks], Failures = [.. _failures] };
    }
}
