using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Chat.Realtime.Transport;

/// <summary>
/// One listening port. It accepts, and looks at what each caller says without taking it: WebSocket upgrades of <c>/ws</c> are served by the loop,
/// and everybody else is handed to Kestrel untouched. How many callers it looks at is bounded, and how long: beyond that they are Kestrel's too.
/// </summary>
internal sealed partial class FrontDoor : LoopHandler, IConnectionListener
{
    private const int MaxCallers = 4_096;
    private const int MaxLingering = 1_024;
    // At one turn of the loop: those who are there already have their turn between.
    private const int MaxAccepted = 64;
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(5);

    private readonly Socket _socket; // kept, not only its descriptor: a socket that nobody refers to closes itself
    private readonly int _fd;
    private readonly EventLoop _loop;
    private readonly FastSessions _sessions;
    private readonly SocketConnectionContextFactory _contexts;
    private readonly ILogger _logger;
    private readonly Channel<ConnectionContext> _forKestrel = Channel.CreateUnbounded<ConnectionContext>(); // taken at once, as from the kernel's queue
    private readonly LinkedList<Caller> _callers = []; // the oldest first; on the loop only
    private readonly LinkedList<Caller> _lingering = [];
    private bool _isOpen;
    private bool _isOutOfDescriptors;

    public FrontDoor(
        Socket socket, EventLoop loop, Handshakes handshakes, FastSessions sessions, SocketConnectionContextFactory contexts, ILogger logger)
    {
        (_socket, _loop, Handshakes, _sessions, _contexts, _logger) = (socket, loop, handshakes, sessions, contexts, logger);
        _socket.Blocking = false;
        _fd = (int)_socket.Handle;
        EndPoint = _socket.LocalEndPoint!;
    }

    public EndPoint EndPoint { get; }

    public Handshakes Handshakes { get; }

    public EventLoop Loop => _loop;

    public Task OpenAsync() => OnLoopAsync(() =>
    {
        _isOpen = _loop.Watch(_fd, this, Libc.In);
        if (!_isOpen) throw new InvalidOperationException("The listening socket cannot be watched: raise the limit of open files (ulimit -n).");
        _loop.AddTicker(Tick);
    });

    public override void OnReady(uint events)
    {
        for (var i = 0; i < MaxAccepted && _isOpen && !_isOutOfDescriptors; i++)
        {
            var fd = Libc.Accept(_fd, out var peer);
            if (fd == -1) return;
            if (fd >= 0) Meet(fd, peer!);
            else
            {
                // The listener stays readable; looking again at every turn would be a busy loop.
                _isOutOfDescriptors = true;
                _loop.Change(_fd, this, 0);
                Log.OutOfDescriptors(_logger);
            }
        }
    }

    public override void OnFailed() => Log.AcceptFailed(_logger);

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _forKestrel.Reader.WaitToReadAsync(cancellationToken))
            if (_forKestrel.Reader.TryRead(out var context)) return context;
        return null;
    }

    /// <summary>Accepts nobody any more; who was not heard out is let go.</summary>
    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default) => await OnLoopAsync(() =>
    {
        if (!_isOpen) return;
        _isOpen = false;
        _loop.RemoveTicker(Tick);
        _loop.Forget(_fd);
        _socket.Dispose();
        foreach (var caller in _callers.ToArray()) caller.Close();
        foreach (var caller in _lingering.ToArray()) caller.Close();
        _forKestrel.Writer.TryComplete();
    });

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync();
        // The drain has closed all sessions before. Who came in since is cut.
        _sessions.LetNobodyIn();
        await OnLoopAsync(_loop.CutAll);
        if (!await _sessions.WhenNoneAsync(EndTimeout)) Log.StillThere(_logger);
    }

    /// <summary>The caller is Kestrel's business, from its first byte on.</summary>
    public void HandToKestrel(Caller caller, int fd)
    {
        Leave(caller);
        _loop.Forget(fd);
        var handle = new SafeSocketHandle(fd, ownsHandle: true);
        try
        {
            var context = _contexts.Create(new Socket(handle));
            if (!_forKestrel.Writer.TryWrite(context)) context.Abort();
        }
        catch (SocketException e)
        {
            handle.Dispose();
            Log.NotHandedOver(_logger, e.Message);
        }
    }

    /// <summary>The caller was heard out, or is gone.</summary>
    public void Leave(Caller caller) => caller.Place.List?.Remove(caller.Place);

    /// <summary>The caller has got its answer, and may take some time to go.</summary>
    public void LetLinger(Caller caller)
    {
        if (!_isOpen)
        {
            caller.Close();
            return;
        }
        if (_lingering.Count >= MaxLingering) _lingering.First!.Value.Close();
        _lingering.AddLast(caller.Place);
    }

    private void Meet(int fd, IPEndPoint peer)
    {
        if (_callers.Count >= MaxCallers) _callers.First!.Value.GoToKestrel();
        var caller = new Caller(this, fd, peer);
        if (!_loop.Watch(fd, caller, Caller.Interest))
        {
            Libc.Close(fd);
            return;
        }
        _callers.AddLast(caller.Place);
    }

    private void Tick()
    {
        while (_callers.First is { Value: { IsOverdue: true } silent }) silent.GoToKestrel();
        while (_lingering.First is { Value: { IsOverdue: true } slow }) slow.Close();
        if (!_isOutOfDescriptors) return;
        _isOutOfDescriptors = false;
        _loop.Change(_fd, this, Libc.In);
    }

    private Task OnLoopAsync(Action action)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _loop.Post(() =>
        {
            try
            {
                action();
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        return done.Task;
    }

    private static partial class Log
    {
        [LoggerMessage(1191, LogLevel.Warning, "No connection can be accepted: the limit of open files is reached. Raise it (ulimit -n) or add nodes")]
        public static partial void OutOfDescriptors(ILogger logger);

        [LoggerMessage(1192, LogLevel.Error, "Accepting failed")]
        public static partial void AcceptFailed(ILogger logger);

        [LoggerMessage(1193, LogLevel.Debug, "A connection was gone before Kestrel had it: {Reason}")]
        public static partial void NotHandedOver(ILogger logger, string reason);

        [LoggerMessage(1194, LogLevel.Warning, "Some connections have not ended in time")]
        public static partial void StillThere(ILogger logger);
    }
}
