using System.Net;
using System.Net.Sockets;
using Aspire.Hosting.ApplicationModel;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// One address for all replicas of an endpoint: each new connection goes to a random one of the healthy, or when there is none, of those that run. It passes
/// bytes on and knows nothing of HTTP, so a connection that was accepted is never moved. When no replica accepts, the caller is disconnected.
/// </summary>
internal sealed class ReplicaProxy : IAsyncDisposable
{
    private const int MaxConnections = 8000;
    private const int BufferBytes = 16 * 1024;
    private const int Backlog = 512;

    private readonly EndpointAnnotation _endpoint;
    private readonly IReadOnlyList<Replica> _replicas;
    private readonly List<Socket> _listeners = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _free = new(MaxConnections);
    private readonly Task _accepting;

    public ReplicaProxy(EndpointAnnotation endpoint, IReadOnlyList<Replica> replicas)
    {
        _endpoint = endpoint;
        _replicas = replicas;
        // Callers use the name localhost, which may mean either.
        _listeners.Add(Listen(IPAddress.Loopback));
        if (Socket.OSSupportsIPv6)
            _listeners.Add(Listen(IPAddress.IPv6Loopback));
        _accepting = Task.WhenAll(_listeners.Select(AcceptAsync));
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        foreach (var listener in _listeners)
            listener.Dispose();
        await _accepting;
        // Each open connection ends by the cancellation; when all places are free again, none is left.
        for (var i = 0; i < MaxConnections; i++)
            await _free.WaitAsync();
        _stopping.Dispose();
        _free.Dispose();
    }

    private Socket Listen(IPAddress address)
    {
        var listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(address, _endpoint.AllocatedEndpoint!.Port));
        listener.Listen(Backlog);
        return listener;
    }

    private async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                // At the bound nothing is accepted: callers wait in the kernel's backlog until a connection ends.
                await _free.WaitAsync(_stopping.Token);
                Socket client;
                try
                {
                    client = await listener.AcceptAsync(_stopping.Token);
                }
                catch (Exception failure) when (failure is SocketException or OperationCanceledException or ObjectDisposedException)
                {
                    _free.Release();
                    if (_stopping.IsCancellationRequested)
                        return;
                    continue;
                }
                // Owned by the place that it holds in _free, which disposing waits for.
                _ = ServeAsync(client);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            using (client)
            {
                using var server = await ConnectAsync();
                if (server is null)
                    return;
                client.NoDelay = server.NoDelay = true;
                await Task.WhenAll(CopyAsync(client, server), CopyAsync(server, client));
            }
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException)
        {
            // One side is gone: both sockets are closed, which is what a direct connection would have shown.
        }
        finally
        {
            _free.Release();
        }
    }

    private async Task<Socket?> ConnectAsync()
    {
        var targets = _replicas.Select(replica => replica.TargetOf(_endpoint)).OfType<(int Port, bool Healthy)>().ToArray();
        Random.Shared.Shuffle(targets);
        // One that starts does not listen yet, and one that stops turns newcomers away; health may be wrong for a moment, so they are asked last.
        foreach (var (port, _) in targets.OrderByDescending(target => target.Healthy))
        {
            var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await server.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), _stopping.Token);
                return server;
            }
            catch (SocketException)
            {
                // It died a moment ago or does not listen yet: the next one.
                server.Dispose();
            }
        }
        return null;
    }

    private async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (await from.ReceiveAsync(buffer, _stopping.Token) is > 0 and var count)
            {
                for (var sent = 0; sent < count;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), _stopping.Token);
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch
        {
            // The other direction would wait for ever.
            from.Dispose();
            to.Dispose();
            throw;
        }
    }
}
