using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Chat.LoadTest.Faults;

/// <summary>How a <see cref="FaultProxy"/> treats its connections.</summary>
internal enum LinkState
{
    Open,
    /// <summary>Accepts, reads nothing, passes nothing on; what waits comes when it is over.</summary>
    Stalled,
    /// <summary>A few bytes at a time in each direction.</summary>
    Slow,
    /// <summary>The server's side is closed, the client's stays open and silent until it is over.</summary>
    HalfOpen,
}

/// <summary>A TCP proxy before one address that can be told to misbehave. It understands nothing of what it carries.</summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private const int MaxConnections = 1_000;
    private const int BufferBytes = 16 * 1024;
    private const int UsualSlowBytes = 256;
    private static readonly TimeSpan SlowPause = TimeSpan.FromMilliseconds(50);

    private readonly IPEndPoint _target;
    private readonly int _slowBytes;
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentDictionary<Carried, Task> _connections = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private volatile State _state = new(LinkState.Open);

    /// <param name="name">For the report.</param>
    /// <param name="target">Where bytes go.</param>
    /// <param name="slowBytes">What passes every 50 ms on a slow connection; usually 256, which is 5 kB/s.</param>
    public FaultProxy(string name, IPEndPoint target, int slowBytes = UsualSlowBytes)
    {
        (Name, _target, _slowBytes) = (name, target, slowBytes);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndPoint!).Port}");
        _accepting = Task.Run(AcceptAsync);
    }

    public string Name { get; }

    public Uri Address { get; }

    public void Set(LinkState state)
    {
        var before = _state;
        _state = new State(state);
        before.Over.TrySetResult();
        if (state == LinkState.HalfOpen)
        {
            foreach (var carried in _connections.Keys) carried.CloseServer();
        }
        else if (before.Link == LinkState.HalfOpen)
        {
            Reset();
        }
    }

    /// <summary>Ends all connections at once, as a router that restarts does; new ones are let through.</summary>
    public void Reset()
    {
        foreach (var carried in _connections.Keys) carried.Reset();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        _state.Over.TrySetResult();
        Reset();
        await _accepting;
        await Task.WhenAll(_connections.Values);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptAsync(_stop.Token);
            }
            catch (Exception ended) when (ended is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                continue; // this one client was gone again
            }
            if (_connections.Count >= MaxConnections)
            {
                client.Dispose();
                continue;
            }
            var carried = new Carried(client);
            var ready = new TaskCompletionSource();
            _connections[carried] = ForgetAfterwardsAsync(carried, ready.Task);
            ready.SetResult();
        }
    }

    private async Task ForgetAfterwardsAsync(Carried carried, Task registered)
    {
        await registered;
        using (carried) await CarryAsync(carried);
        _connections.TryRemove(carried, out _);
    }

    private async Task CarryAsync(Carried carried)
    {
        try
        {
            if (_state.Link == LinkState.HalfOpen) await _state.Over.Task.WaitAsync(_stop.Token);
            await carried.Server.ConnectAsync(_target, _stop.Token);
            var directions = new[] { CopyAsync(carried.Client, carried.Server), CopyAsync(carried.Server, carried.Client) };
            await await Task.WhenAny(directions);
            // The side that still stands may be half-open for as long as that lasts.
            if (_state is { Link: LinkState.HalfOpen } state) await state.Over.Task.WaitAsync(_stop.Token);
            carried.Reset();
            await Task.WhenAll(directions);
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            carried.Reset();
        }
    }

    private async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (true)
            {
                await PassableAsync();
                var slow = _state.Link == LinkState.Slow;
                var length = await from.ReceiveAsync(buffer.AsMemory(0, slow ? _slowBytes : BufferBytes), _stop.Token);
                if (length == 0)
                {
                    to.Shutdown(SocketShutdown.Send);
                    return;
                }
                if (slow) await Task.Delay(SlowPause, _stop.Token);
                await PassableAsync();
                for (var sent = 0; sent < length;) sent += await to.SendAsync(buffer.AsMemory(sent, length - sent), _stop.Token);
            }
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One side is gone: the connection is, and its owner resets the other.
        }
    }

    private async Task PassableAsync()
    {
        while (_state is { Link: LinkState.Stalled or LinkState.HalfOpen } state) await state.Over.Task.WaitAsync(_stop.Token);
    }

    private sealed class State(LinkState link)
    {
        public LinkState Link { get; } = link;

        public TaskCompletionSource Over { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Carried : IDisposable
    {
        public Carried(Socket client)
        {
            Client = client;
            Server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            client.NoDelay = true;
        }

        public Socket Client { get; }

        public Socket Server { get; }

        public void CloseServer() => End(Server);

        public void Reset()
        {
            End(Server);
            End(Client);
        }

        public void Dispose()
        {
            Server.Dispose();
            Client.Dispose();
        }

        // A linger time of 0 makes the kernel send RST instead of FIN.
        private static void End(Socket socket) => socket.Close(0);
    }
}
