using System.Net;
using System.Net.WebSockets;
using System.Text;
using Chat.Tests.People;

namespace Chat.Tests.Gateway;

/// <summary>What happens to open WebSockets when the gateway stops.</summary>
public sealed class DrainTests
{
    private const int ServiceRestart = 1012;

    // A minute for each step: not one for all tests of the class together.
    private static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Open_sockets_get_a_close_frame_with_1012_and_so_does_the_node(string version)
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var socket = await ConnectAsync(gateway, version);
        await EchoAsync(socket, "before");

        var stopping = gateway.StopGatewayAsync();
        var received = await socket.ReceiveAsync(new byte[100], Soon);

        Assert.Equal((WebSocketMessageType.Close, ServiceRestart), (received.MessageType, (int)socket.CloseStatus!));
        await socket.CloseOutputAsync(socket.CloseStatus.Value, null, Soon);
        await stopping.WaitAsync(Soon);
        await Until.TrueAsync(() => gateway.Targets[0].LastClose == ServiceRestart, "the node reads the client's answer to the close frame");
    }

    [Fact]
    public async Task Many_sockets_are_closed_and_none_waits_for_one_that_does_not_answer()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var silent = await ConnectAsync(gateway, "1.1");
        var sockets = new List<ClientWebSocket>();
        for (var i = 0; i < 20; i++) sockets.Add(await ConnectAsync(gateway, "1.1"));

        var stopping = gateway.StopGatewayAsync();
        foreach (var socket in sockets)
        {
            await socket.ReceiveAsync(new byte[100], Soon);
            Assert.Equal(ServiceRestart, (int)socket.CloseStatus!);
            await socket.CloseOutputAsync(socket.CloseStatus.Value, null, Soon);
            socket.Dispose();
        }

        await stopping.WaitAsync(Soon);
    }

    [Fact]
    public async Task While_the_last_sockets_end_new_ones_are_refused_and_requests_are_answered()
    {
        await using var gateway = await GatewayHost.StartAsync(frontends: 1);
        using var open = await ConnectAsync(gateway, "1.1");
        var stopping = gateway.StopGatewayAsync();
        await open.ReceiveAsync(new byte[100], Soon);

        using var late = new ClientWebSocket();
        late.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => late.ConnectAsync(Ws(gateway.Http), Soon));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, late.HttpStatusCode);
        Assert.Equal("node-1", (await gateway.GetAsync("/api/who")).Name);
        await open.CloseOutputAsync(open.CloseStatus!.Value, null, Soon);
        await stopping.WaitAsync(Soon);
    }

    private static Uri Ws(Uri origin) => new($"{(origin.Scheme == "https" ? "wss" : "ws")}://{origin.Authority}/ws");

    private static async Task<ClientWebSocket> ConnectAsync(GatewayHost gateway, string version)
    {
        var socket = new ClientWebSocket();
        if (version == "1.1")
        {
            await socket.ConnectAsync(Ws(gateway.Http), Soon);
            return socket;
        }
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        socket.Options.HttpVersion = new Version(version);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        await socket.ConnectAsync(Ws(gateway.Https), new HttpMessageInvoker(handler), Soon);
        return socket;
    }

    private static async Task EchoAsync(WebSocket socket, string text)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Soon);
        var buffer = new byte[100];
        var received = await socket.ReceiveAsync(buffer, Soon);
        Assert.Equal(text, Encoding.UTF8.GetString(buffer, 0, received.Count));
    }
}
