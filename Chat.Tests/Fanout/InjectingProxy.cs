using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Chat.Tests.Fanout;

/// <summary>Stands before a server, passes everything on, and can say something of its own to clients that have said a certain word.</summary>
internal sealed class InjectingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly ConcurrentBag<Socket> _marked = [];
    private readonly Task _accepting;

    public InjectingProxy(int port, string word)
    {
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = Task.Run(async () =>
        {
            while (true)
            {
                Socket client;
                try
                {
                    client = await _listener.AcceptSocketAsync();
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    return;
                }
                var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await server.ConnectAsync(IPAddress.Loopback, port);
                _sockets.Add(client);
                _sockets.Add(server);
                _ = CopyAsync(client, server, Encoding.ASCII.GetBytes(word));
                _ = CopyAsync(server, client, null);
            }
        });
    }

    public Uri Address { get; }

    public async Task InjectAsync(string text)
    {
        foreach (var client in _marked) await client.SendAsync(Encoding.ASCII.GetBytes(text));
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
        foreach (var socket in _sockets) socket.Dispose();
    }

    private async Task CopyAsync(Socket from, Socket to, byte[]? word)
    {
        var buffer = new byte[16 << 10];
        try
        {
            while (await from.ReceiveAsync(buffer) is var length and > 0)
            {
                if (word is not null && buffer.AsSpan(0, length).IndexOf(word) >= 0 && !_marked.Contains(from)) _marked.Add(from);
                await to.SendAsync(buffer.AsMemory(0, length));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One side is gone, and the other with it.
        }
        from.Dispose();
        to.Dispose();
    }
}
