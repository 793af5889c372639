namespace Chat.LoadTest.Recording;

/// <summary>Collects what all clients do. Bounded by the length of the run, since each client is paced.</summary>
internal sealed class Recorder(RunClock clock)
{
    private readonly Lock _gate = new();
    private readonly List<SendAttempt> _attempts = [];
    private readonly List<SendAck> _acks = [];
    private readonly List<SendFailure> _failures = [];
    private readonly List<Outage> _outages = [];

    public RunClock Clock { get; } = clock;

    /// <summary>To be called before the first byte leaves.</summary>
    public void Sending(OperationKey operation, string content, string route, int connection)
    {
        lock (_gate) _attempts.Add(new SendAttempt(operation, content, route, connection, Clock.Now));
    }

    public void Acked(OperationKey operation, string eventId, long seq, string epoch, string route, int connection)
    {
        lock (_gate) _acks.Add(new SendAck(operation, eventId, seq, epoch, route, connection, Clock.Now));
    }

    public void Failed(OperationKey operation, string code, string route)
    {
        lock (_gate) _failures.Add(new SendFailure(operation, code, route, Clock.Now));
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
