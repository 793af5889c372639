using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Chat.LocalKafka.Server;

/// <summary>Accepts connections, up to a bound, and ends those that are idle or stalled.</summary>
internal sealed partial class Listener : IAsyncDisposable
{
    private const int Backlog = 512;
    private static readonly TimeSpan AcceptRetryDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(5);

    private readonly Socket _socket;
    private readonly KafkaBrokerOptions _options;
    private readonly RequestDispatcher _dispatcher;
    private readonly MemoryBudget _memory;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Connection, Task> _connections = new();
    private readonly ITimer _sweep;
    private Task _accepting = Task.CompletedTask;

    /// <summary>Binds and listens, but does not accept yet.</summary>
    public Listener(Socket listening, KafkaBrokerOptions options, RequestDispatcher dispatcher, TimeProvider time, ILogger log)
    {
        _socket = listening;
        _options = options;
        _dispatcher = dispatcher;
        _memory = new MemoryBudget(options.RequestMemoryBytes);
        _log = log;
        _sweep = time.CreateTimer(_ => Sweep(), null, SweepInterval, SweepInterval);
    }

    public static Socket Bind(string host, int port)
    {
        var address = IPAddress.TryParse(host, out var literal) ? literal : Dns.GetHostAddresses(host)[0];
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // A restarted broker takes its port back at once.
            if (!OperatingSystem.IsWindows())
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Start() => _accepting = AcceptAsync();

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _sweep.DisposeAsync();
        _socket.Dispose();
        await _accepting;
        // What a producer wrote is answered, so that a clean stop leaves nobody in doubt.
        foreach (var connection in _connections.Keys)
            connection.StopReading();
        await Task.WhenAll(_connections.Values);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                Serve(await _socket.AcceptAsync(_stopping.Token));
            }
            catch (Exception ended) when (ended is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException failure)
            {
                // Out of file descriptors, or a client that was gone before it was accepted.
                Log.AcceptFailed(_log, failure.Message);
                await Task.Delay(AcceptRetryDelay);
            }
        }
    }

    private void Serve(Socket socket)
    {
        if (_connections.Count >= _options.MaxConnections)
        {
            Log.TooMany(_log, _options.MaxConnections);
            socket.Dispose();
            return;
        }

        var connection = new Connection(socket, _dispatcher, _memory, _options.MaxFrameBytes, _log);
        var started = new TaskCompletionSource();
        _connections[connection] = RunAsync(connection, started.Task);
        started.SetResult();
    }

    private async Task RunAsync(Connection connection, Task listed)
    {
        await listed;
        await Task.Yield();
        try
        {
            await connection.RunAsync();
        }
        catch (Exception failure)
        {
            Log.ConnectionFailed(_log, failure);
        }
        finally
        {
            _connections.TryRemove(connection, out _);
        }
    }

    private void Sweep()
    {
        var now = Environment.TickCount64;
        foreach (var connection in _connections.Keys)
        {
            var allowed = connection.IsBusy ? _options.ConnectionStall : _options.ConnectionIdle;
            if (now - connection.LastProgress > allowed.TotalMilliseconds)
                connection.Abort();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(310, LogLevel.Warning, "A connection could not be accepted: {Reason}")]
        public static partial void AcceptFailed(ILogger logger, string reason);

        [LoggerMessage(311, LogLevel.Warning, "A connection was refused: {Max} are open; start the broker with a higher --max-connections.")]
        public static partial void TooMany(ILogger logger, int max);

        [LoggerMessage(312, LogLevel.Error, "A connection failed.")]
        public static partial void ConnectionFailed(ILogger logger, Exception failure);
    }
}
