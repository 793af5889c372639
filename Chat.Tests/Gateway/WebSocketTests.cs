using System.Net;
using System.Net.WebSockets;
using System.Text;

namespace Chat.Tests.Gateway;

public sealed class WebSocketTests
{
    // A minute for each step: not one for all tests of the class together.
    private static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [Fact]
    public async Task Close_codes_and_their_reasons_pass_through_unchanged()
    {
        await using var gateway = await GatewayHost.StartAsync();

        foreach (var code in (int[])[1000, 1001, 1008, 1009, 1011, 1012, 1013, 4401, 4408, 4429])
        {
            using var socket = await ConnectAsync(gateway.Http, "ws");
            await SendAsync(socket, $"close {code}");
            var received = await socket.ReceiveAsync(new byte[10], Soon);

            Assert.Equal((WebSocketMessageType.Close, code, "as asked"), (received.MessageType, (int)socket.CloseStatus!, socket.CloseStatusDescription));
        }
    }

    [Fact]
    public async Task The_clients_close_code_reaches_the_node_and_comes_back()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var socket = await ConnectAsync(gateway.Http, "ws");

        await socket.CloseAsync((WebSocketCloseStatus)4001, "bye", Soon);

        Assert.Equal(4001, (int)socket.CloseStatus!);
    }

    [Fact]
    public async Task Frames_and_the_subprotocol_pass_both_ways()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var socket = await ConnectAsync(gateway.Http, "ws");
        var large = new string('x', 30_000);

        await SendAsync(socket, large);

        Assert.Equal("chat.v1", socket.SubProtocol);
        Assert.Equal(large, await ReceiveAsync(socket));
    }

    [Fact]
    public async Task A_cut_connection_is_a_cut_connection_for_the_client()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var socket = await ConnectAsync(gateway.Http, "ws");

        await SendAsync(socket, "abort");

        await Assert.ThrowsAnyAsync<WebSocketException>(() => socket.ReceiveAsync(new byte[10], Soon));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Sockets_work_over_tls_with_either_version_of_http(string version)
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost";
        using var invoker = new HttpMessageInvoker(handler);
        using var socket = new ClientWebSocket();
        socket.Options.HttpVersion = new Version(version);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;

        await socket.ConnectAsync(new Uri($"wss://{gateway.Https.Authority}/ws"), invoker, Soon);
        await SendAsync(socket, "hello");

        Assert.Equal("hello", await ReceiveAsync(socket));
        await SendAsync(socket, "close 4408");
        await socket.ReceiveAsync(new byte[10], Soon);
        Assert.Equal(4408, (int)socket.CloseStatus!);
    }

    [Fact]
    public async Task Plain_requests_over_tls_speak_http_2()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true };
        using var client = new HttpClient(handler) { DefaultRequestVersion = HttpVersion.Version20 };

        using var response = await client.GetAsync(new Uri(gateway.Https, "/api/who"));

        Assert.Equal(HttpVersion.Version20, response.Version);
        Assert.Contains("\"scheme\":\"https\"", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static async Task<ClientWebSocket> ConnectAsync(Uri gateway, string scheme)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("chat.v1");
        await socket.ConnectAsync(new Uri($"{scheme}://{gateway.Authority}/ws"), Soon);
        return socket;
    }

    private static Task SendAsync(WebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Soon);

    private static async Task<string> ReceiveAsync(WebSocket socket)
    {
        var buffer = new byte[64 * 1024];
        var length = 0;
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(length), Soon);
            length += received.Count;
            if (received.EndOfMessage) return Encoding.UTF8.GetString(buffer, 0, length);
        }
    }
}
