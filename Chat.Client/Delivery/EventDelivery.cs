using System.Threading.Channels;
using Chat.Contracts;
using Microsoft.Extensions.Logging;

namespace Chat.Client.Delivery;

/// <summary>
/// Calls the event handlers, one after the other, in the order in which things were posted. Posting never waits; the reader of the
/// socket waits before its next frame while more than the bound are queued, so that a slow handler ends in the server's own bound
/// (close 4408, then a resume) instead of in memory.
/// </summary>
internal sealed partial class EventDelivery
{
    private readonly Channel<object> _queue = Channel.CreateUnbounded<object>(new UnboundedChannelOptions { SingleReader = true });
    private readonly SemaphoreSlim _belowBound = new(0, 1);
    private readonly int _bound;
    private readonly Action<object> _raise;
    private readonly ILogger _logger;
    private readonly Task _running;
    private int _waiting;
    private volatile bool _discarding;
    private volatile bool _isReaderWaiting;
    private int _handlerThread;

    /// <param name="bound">Things that may wait.</param>
    /// <param name="raise">Raises one of <see cref="ChatEvent"/>, <see cref="ConnectionState"/>, <see cref="RoomReset"/>, <see cref="RoomResumed"/>, <see cref="SubscriptionEnded"/>, each handler through <see cref="Guard"/>.</param>
    /// <param name="logger">Where failures of handlers go.</param>
    public EventDelivery(int bound, Action<object> raise, ILogger logger)
    {
        (_bound, _raise, _logger) = (bound, raise, logger);
        _running = Task.Run(RunAsync);
    }

    public void Post(object notice)
    {
        if (_queue.Writer.TryWrite(notice)) Interlocked.Increment(ref _waiting);
    }

    /// <summary>Waits until fewer than the bound are queued. For one caller only: the reader.</summary>
    public async ValueTask WhenBelowBoundAsync(CancellationToken cancellationToken)
    {
        while (Volatile.Read(ref _waiting) >= _bound)
        {
            _isReaderWaiting = true;
            await _belowBound.WaitAsync(cancellationToken);
            _isReaderWaiting = false;
        }
    }

    /// <summary>The reader waits for the handlers: nothing is taken from the socket.</summary>
    public bool IsReaderWaiting => _isReaderWaiting;

    /// <summary>Things that wait for the handlers, the one under way included.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>True on the thread of a handler that is running.</summary>
    public bool IsInHandler => Volatile.Read(ref _handlerThread) == Environment.CurrentManagedThreadId;

    /// <summary>Ends the deliveries: queued events are dropped, a queued <see cref="ConnectionState"/> is still told.</summary>
    public Task EndAsync()
    {
        _discarding = true;
        _queue.Writer.TryComplete();
        return _running;
    }

    private async Task RunAsync()
    {
        await foreach (var notice in _queue.Reader.ReadAllAsync())
        {
            if (!_discarding || notice is ConnectionState) Raise(notice);
            var left = Interlocked.Decrement(ref _waiting);
            if (left < _bound && _belowBound.CurrentCount == 0) _belowBound.Release();
        }
    }

    private void Raise(object notice)
    {
        Volatile.Write(ref _handlerThread, Environment.CurrentManagedThreadId);
        _raise(notice);
        Volatile.Write(ref _handlerThread, 0);
    }

    /// <summary>Calls one handler. What it throws is logged: it must keep nothing from the other handlers.</summary>
    public void Guard<T>(Action<T> handler, T notice) where T : notnull
    {
        try
        {
            handler(notice);
        }
        catch (Exception e)
        {
            Log.HandlerFailed(_logger, notice.GetType().Name, e);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "A handler of {Notice} failed")]
        public static partial void HandlerFailed(ILogger logger, string notice, Exception exception);
    }
}
