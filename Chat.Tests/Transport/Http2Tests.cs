using System.Net;
using System.Net.WebSockets;
using Chat.Tests.Realtime;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Transport;

/// <summary>WebSockets over HTTP/2 (RFC 8441), which browsers speak to whoever ends their TLS.</summary>
[Collection(nameof(FrameworkPathCollection))]
public sealed class Http2Tests(FrameworkPathFixture fixture)
{
    [Fact]
    public async Task A_client_talks_and_closes_over_HTTP2()
    {
        await using var node = await TestNode.StartAsync(
            await fixture.BackingAsync(),
            ("Kestrel:Endpoints:1:Url", "http://127.0.0.1:0"), ("Kestrel:Endpoints:2:Url", "http://127.0.0.1:0"), ("Kestrel:Endpoints:2:Protocols", "Http2"));
        var address = new Uri(node.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Last());
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        await using var client = await OpenAsync();
        Assert.Equal("chat.v1", client.SubProtocol);
        await client.NextAsync("welcome");
        Assert.Equal("pong", (await client.AskAsync(new { event_type = "ping" })).GetProperty("event_type").GetString());
        Assert.Equal(1000, await client.CloseAsync());

        await using var broken = await OpenAsync();
        await broken.SendBytesAsync([0xC3, 0x28]);
        Assert.Equal(1007, await broken.CloseCodeAsync());

        Task<TestClient> OpenAsync() => TestClient.OpenAsync(address, TestNode.Token(NodeFixture.Name("ann")), Http2, http: http);
    }

    private static void Http2(ClientWebSocketOptions options) => (options.HttpVersion, options.HttpVersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
}
