using System.Runtime.CompilerServices;

namespace Chat.Realtime.Connections;

/// <summary>
/// Where handshakes and joins wait for their turn, so that those who come in, by the thousand when a node has died, do not hold up the messages of those who are there.
/// While messages flow, some begin every 10 ms: more from tick to tick as long as the ticks come in time, half as many when one is late, since then messages are as well. While
/// none do, one begins each time the thread pool's queue has come round. How many are under way is not bounded here: those that wait for Redis or Postgres hold up nobody.
/// </summary>
internal sealed class Newcomers : IThreadPoolWorkItem, IDisposable
{
    /// <summary>So many begin at a tick in any case: a node lets 1,200 a second in however busy it is, or those of a lost one would wait for longer than the messages.</summary>
    internal const int Fewest = 12;
    internal const int MostJoinsInARow = 3;
    // More at once than the threads of any pool take on within a tick.
    private const int Most = 256;

    internal static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    // A message waits for a thread several times on its way, each time about as long as a tick.
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    private readonly NodeMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    // Bounded by those who ask: handshakes have a limit, and so have the commands of a connection.
    private readonly Queue<TaskCompletionSource> _handshakes = [];
    private readonly Queue<TaskCompletionSource> _joins = [];
    private Pace _pace;
    private int _atOnce;
    private int _left; // may begin before the next tick
    private int _joinsInARow;
    private long _tickedAt;

    public Newcomers(NodeMetrics metrics, TimeProvider time)
    {
        (_metrics, _time) = (metrics, time);
        _timer = time.CreateTimer(static newcomers => ((Newcomers)newcomers!).OnTick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private enum Pace
    {
        /// <summary>Nobody waits.</summary>
        Idle,
        /// <summary>Some wait, and this is in the pool's queue.</summary>
        Pool,
        /// <summary>The timer is set.</summary>
        Ticks,
    }

    /// <summary>How many wait for their turn.</summary>
    public int Waiting
    {
        get { lock (_gate) return _joins.Count + _handshakes.Count; }
    }

    /// <summary>What follows runs on the pool, also when the turn has come before it is awaited: never on the event loop. Who has gone waits no longer.</summary>
    public ConfiguredTaskAwaitable HandshakeAsync(CancellationToken cancellationToken = default) => OnPool(TurnAsync(_handshakes).WaitAsync(cancellationToken));

    /// <summary>As <see cref="HandshakeAsync"/>.</summary>
    public ConfiguredTaskAwaitable JoinAsync(CancellationToken cancellationToken) => OnPool(TurnAsync(_joins).WaitAsync(cancellationToken));

    public void Dispose() => _timer.Dispose();

    private static ConfiguredTaskAwaitable OnPool(Task turn) => turn.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);

    private Task TurnAsync(Queue<TaskCompletionSource> queue)
    {
        var turn = new TaskCompletionSource();
        lock (_gate)
        {
            if (_pace == Pace.Idle)
            {
                _atOnce = Fewest;
                GoOn(_atOnce, waiting: 1);
            }
            if (_pace == Pace.Ticks && _left > 0)
            {
                _left--;
                Begin(turn);
            }
            else queue.Enqueue(turn);
        }
        return turn.Task;
    }

    void IThreadPoolWorkItem.Execute()
    {
        TaskCompletionSource? turn;
        lock (_gate)
        {
            turn = Next();
            GoOn(0, _joins.Count + _handshakes.Count);
        }
        turn?.SetResult();
    }

    private void OnTick()
    {
        lock (_gate)
        {
            var waiting = _joins.Count + _handshakes.Count;
            if (waiting == 0 && _left == _atOnce)
            {
                _pace = Pace.Idle;
                return;
            }
            _atOnce = _time.GetElapsedTime(_tickedAt) - Tick > Late ? Math.Max(Fewest, _atOnce / 2) : Math.Min(Most, _atOnce + 1);
            var begun = 0;
            for (; begun < _atOnce && Next() is { } turn; begun++) Begin(turn);
            GoOn(_atOnce - begun, waiting - begun);
        }
    }

    // Under the lock.
    private void GoOn(int left, int waiting)
    {
        if (MessagesFlow())
        {
            (_pace, _left, _tickedAt) = (Pace.Ticks, left, _time.GetTimestamp());
            _timer.Change(Tick, Timeout.InfiniteTimeSpan);
        }
        else if (waiting > 0)
        {
            _pace = Pace.Pool;
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false); // behind all that the pool has to do by now
        }
        else _pace = Pace.Idle;
    }

    private static void Begin(TaskCompletionSource turn) => ThreadPool.UnsafeQueueUserWorkItem(static turn => turn.SetResult(), turn, preferLocal: false);

    // Joins first, since who is in is to be served; but a few who join room after room keep nobody out.
    private TaskCompletionSource? Next()
    {
        if (_joinsInARow < MostJoinsInARow && _joins.TryDequeue(out var join))
        {
            _joinsInARow++;
            return join;
        }
        _joinsInARow = 0;
        return _handshakes.TryDequeue(out var turn) || _joins.TryDequeue(out turn) ? turn : null;
    }

    // Of a clock that was set back it says no, until the next message.
    private bool MessagesFlow() => _time.GetUtcNow().ToUnixTimeMilliseconds() - _metrics.DeliveredAtMs is >= 0 and var sinceMs && sinceMs < Quiet.TotalMilliseconds;
}
