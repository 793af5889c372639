using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Chat.Realtime.Transport;

/// <summary>
/// One thread that waits for all sockets below Kestrel and runs their handlers. A handler never blocks, and what it does with its own state
/// needs no lock: nothing else runs it. Descriptors are registered and closed on this thread only, so none is closed while another thread's event names it.
/// </summary>
internal sealed partial class EventLoop : IDisposable
{
    private const int MaxEvents = 256;
    private const int BufferBytes = 64 << 10;
    private const int TickMs = 500;
    private const ulong WakeUpToken = ulong.MaxValue;

    private readonly ILogger<EventLoop> _logger;
    private readonly Lock _postGate = new();
    private int _poll = Libc.CreatePoll();
    private int _wakeUp = Libc.CreateWakeUp();
    private readonly byte[] _events = new byte[MaxEvents * Libc.EventSize];
    private readonly ConcurrentQueue<Action> _posted = new(); // a few per connection at most
    private readonly List<Action> _tickers = [];
    private readonly List<Action> _beforeWaiting = [];
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
    private readonly Thread _thread;
    private LoopHandler?[] _handlers = new LoopHandler?[1_024]; // by descriptor
    private uint _generation;
    private FrameReader? _spare = new();
    private volatile bool _stopping;
    private bool _ended;

    public EventLoop(ILogger<EventLoop> logger)
    {
        _logger = logger;
        if (_poll < 0 || _wakeUp < 0) throw new InvalidOperationException("The event loop has no descriptor: raise the limit of open files (ulimit -n).");
        Libc.Add(_poll, _wakeUp, Libc.In, WakeUpToken);
        _thread = new Thread(Run) { IsBackground = true, Name = "event loop" };
        _thread.Start();
    }

    /// <summary>For the handler that is running: one read's worth of bytes.</summary>
    public Span<byte> Buffer => _buffer;

    /// <summary>Runs <paramref name="action"/> on the loop, soon; when the loop has ended, at once.</summary>
    public void Post(Action action)
    {
        lock (_postGate)
        {
            if (!_ended)
            {
                _posted.Enqueue(action);
                Libc.WakeUp(_wakeUp);
                return;
            }
        }
        Do(action);
    }

    /// <summary>Whether the caller runs on the loop.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>
    /// What follows its await runs on the pool. It awaits a task that is done already: an await of one under way that forces itself to yield still goes on where that completes, on the loop.
    /// </summary>
    public static ConfiguredTaskAwaitable LeaveAsync() => Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);

    /// <summary>Runs <paramref name="action"/> once, when everything else of this turn is done. On the loop only.</summary>
    public void BeforeWaiting(Action action) => _beforeWaiting.Add(action);

    /// <summary>Runs <paramref name="tick"/> about twice a second. On the loop only.</summary>
    public void AddTicker(Action tick) => _tickers.Add(tick);

    public void RemoveTicker(Action tick) => _tickers.Remove(tick);

    /// <summary>Lets <paramref name="handler"/> have the events of a descriptor, in place of the one before. On the loop only.</summary>
    public bool Watch(int fd, LoopHandler handler, uint events)
    {
        if (fd >= _handlers.Length) Array.Resize(ref _handlers, Math.Max(fd + 1, _handlers.Length * 2));
        var isNew = _handlers[fd] is null;
        _handlers[fd] = handler;
        handler.Token = ((ulong)++_generation << 32) | (uint)fd;
        if (!isNew) Libc.Modify(_poll, fd, events, handler.Token);
        else if (!Libc.Add(_poll, fd, events, handler.Token))
        {
            _handlers[fd] = null;
            return false;
        }
        return true;
    }

    /// <summary>Changes what a watched descriptor is watched for; from any thread, while its owner keeps it open.</summary>
    public void Change(int fd, LoopHandler handler, uint events) => Libc.Modify(_poll, fd, events, handler.Token);

    /// <summary>The descriptor is no business of the loop any more, and not closed. On the loop only.</summary>
    public void Forget(int fd)
    {
        Libc.Remove(_poll, fd);
        _handlers[fd] = null;
    }

    /// <summary>A reader with nothing in it, for as long as one read takes; <see cref="GiveBack"/> it unless something is incomplete.</summary>
    public FrameReader TakeReader()
    {
        var reader = _spare ?? new FrameReader();
        _spare = null;
        return reader;
    }

    public void GiveBack(FrameReader reader)
    {
        reader.Release();
        _spare = reader;
    }

    /// <summary>Cuts every connection that has a session. On the loop only.</summary>
    public void CutAll()
    {
        foreach (var handler in _handlers)
            if (handler is FastSession session) session.Connection.Abort();
    }

    public void Dispose()
    {
        if (_stopping) return;
        _stopping = true;
        Libc.WakeUp(_wakeUp);
        if (!IsCurrent) _thread.Join();
        lock (_postGate)
        {
            _ended = true;
            Libc.Close(_wakeUp);
            Libc.Close(_poll);
            (_wakeUp, _poll) = (-1, -1); // the numbers may soon name other files
        }
        while (_posted.TryDequeue(out var action)) Do(action);
    }

    private void Run()
    {
        var lastTick = Environment.TickCount64;
        while (!_stopping)
        {
            var count = Libc.Wait(_poll, _events, MaxEvents, TickMs);
            // It cannot, but for a fault of ours; a node that hears nobody is better restarted than kept.
            if (count < 0) throw new InvalidOperationException("epoll_wait failed.");
            for (var i = 0; i < count; i++)
            {
                var (events, token) = Libc.EventAt(_events, i);
                if (token == WakeUpToken)
                {
                    Libc.TakeWakeUp(_wakeUp);
                    continue;
                }
                // An event of a descriptor that was closed and given out again meanwhile has the token of its first life.
                if (_handlers[(int)(uint)token] is { } handler && handler.Token == token) Handle(handler, events);
            }
            while (_posted.TryDequeue(out var action)) Do(action);
            if (Environment.TickCount64 - lastTick >= TickMs)
            {
                lastTick = Environment.TickCount64;
                for (var i = _tickers.Count - 1; i >= 0; i--) Do(_tickers[i]);
            }
            for (var i = 0; i < _beforeWaiting.Count; i++) Do(_beforeWaiting[i]);
            _beforeWaiting.Clear();
        }
    }

    private void Handle(LoopHandler handler, uint events)
    {
        try
        {
            handler.OnReady(events);
        }
        catch (Exception e)
        {
            Log.HandlerFailed(_logger, e);
            handler.OnFailed();
        }
    }

    private void Do(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            Log.HandlerFailed(_logger, e);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1190, LogLevel.Error, "A handler of the event loop failed; its connection is cut")]
        public static partial void HandlerFailed(ILogger logger, Exception failure);
    }
}

/// <summary>Has the events of one descriptor. Called on the loop only.</summary>
internal abstract class LoopHandler
{
    /// <summary>Names descriptor and registration. Belongs to <see cref="EventLoop"/>.</summary>
    public ulong Token { get; set; }

    public abstract void OnReady(uint events);

    /// <summary>Its <see cref="OnReady"/> threw: it cuts its connection.</summary>
    public abstract void OnFailed();
}
