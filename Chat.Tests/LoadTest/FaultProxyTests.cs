using System.Net;
using System.Net.Sockets;
using Chat.LoadTest.Faults;

namespace Chat.Tests.LoadTest;

/// <summary>The proxy does to real connections what its states say.</summary>
public sealed class FaultProxyTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(200);

    private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private FaultProxy _proxy = null!;

    public ValueTask InitializeAsync()
    {
        _server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _server.Listen();
        _proxy = new FaultProxy("proxy", (IPEndPoint)_server.LocalEndPoint!);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _server.Dispose();
    }

    [Fact]
    public async Task Open_it_carries_bytes_both_ways_and_the_end()
    {
        var (client, server) = await ConnectAsync();
        await client.SendAsync("to"u8.ToArray());
        Assert.Equal("to", await ReadAsync(server, 2));
        await server.SendAsync("fro"u8.ToArray());
        Assert.Equal("fro", await ReadAsync(client, 3));
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await server.ReceiveAsync(new byte[1]).WaitAsync(Patience));
    }

    [Fact]
    public async Task Stalled_it_holds_bytes_back_and_lets_them_through_afterwards()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Set(LinkState.Stalled);
        await client.SendAsync("late"u8.ToArray());
        var arriving = ReadAsync(server, 4);
        await Assert.ThrowsAsync<TimeoutException>(() => arriving.WaitAsync(Moment));
        _proxy.Set(LinkState.Open);
        Assert.Equal("late", await arriving.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_reset_ends_connections_with_an_error_and_lets_new_ones_through()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Reset();
        await Assert.ThrowsAsync<SocketException>(() => client.ReceiveAsync(new byte[1]).WaitAsync(Patience));
        await Assert.ThrowsAsync<SocketException>(() => server.ReceiveAsync(new byte[1]).WaitAsync(Patience));
        await ConnectAsync();
    }

    [Fact]
    public async Task Half_open_the_server_is_gone_and_the_client_hears_nothing_until_it_is_over()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Set(LinkState.HalfOpen);
        await Assert.ThrowsAsync<SocketException>(() => server.ReceiveAsync(new byte[1]).WaitAsync(Patience));
        var hearing = client.ReceiveAsync(new byte[1]);
        await Assert.ThrowsAsync<TimeoutException>(() => hearing.WaitAsync(Moment));
        _proxy.Set(LinkState.Open);
        await Assert.ThrowsAsync<SocketException>(() => hearing.WaitAsync(Patience));
    }

    [Fact]
    public async Task Slow_it_carries_everything_all_the_same()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Set(LinkState.Slow);
        await client.SendAsync(new byte[2_000]);
        Assert.Equal(2_000, (await ReadAsync(server, 2_000)).Length);
    }

    private async Task<(Socket Client, Socket Server)> ConnectAsync()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var accepting = _server.AcceptAsync();
        await client.ConnectAsync(IPAddress.Loopback, _proxy.Address.Port).WaitAsync(Patience);
        var server = await accepting.WaitAsync(Patience);
        // One byte through, so that the proxy has both sides.
        await client.SendAsync(new byte[1]);
        await ReadAsync(server, 1);
        return (client, server);
    }

    private static async Task<string> ReadAsync(Socket socket, int count)
    {
        var buffer = new byte[count];
        for (var read = 0; read < count;)
        {
            var length = await socket.ReceiveAsync(buffer.AsMemory(read)).AsTask().WaitAsync(Patience);
            Assert.NotEqual(0, length);
            read += length;
        }
        return System.Text.Encoding.ASCII.GetString(buffer);
    }
}
