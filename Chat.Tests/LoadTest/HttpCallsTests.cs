using System.Net.Sockets;
using Chat.LoadTest.Wire;

namespace Chat.Tests.LoadTest;

public sealed class HttpCallsTests
{
    [Fact]
    public async Task A_connection_that_is_reset_as_soon_as_it_stands_is_a_lost_link()
    {
        using var calls = new HttpCalls(new Broken());
        await Assert.ThrowsAsync<LinkLostException>(() => calls.GetAsync(new Route("node", new Uri("http://node.test")), "token", "/api/me", TestContext.Current.CancellationToken));
    }

    private sealed class Broken : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new SocketException((int)SocketError.NotConnected);
    }
}
