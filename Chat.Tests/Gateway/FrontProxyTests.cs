using System.Net.Http.Json;
using Chat.Gateway;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;

namespace Chat.Tests.Gateway;

/// <summary>A proxy in front of the gateway, which here is the test: it calls from 127.0.0.1.</summary>
public sealed class FrontProxyTests
{
    [Theory]
    [InlineData("127.0.0.0/8")]
    [InlineData("127.0.0.1")]
    public async Task A_named_proxy_says_who_its_client_is(string network)
    {
        await using var gateway = await GatewayHost.StartAsync(configure: Trust(network));

        var seen = await GetAsync(gateway, "203.0.113.7");

        Assert.Equal(("203.0.113.7", "https", "chat.example.org"), (seen.Address, seen.Scheme, seen.Host));
        Assert.Empty(seen.Headers);
    }

    [Fact]
    public async Task Of_a_chain_the_last_address_that_is_no_proxy_is_the_client()
    {
        await using var gateway = await GatewayHost.StartAsync(configure: Trust("127.0.0.1", "10.0.0.0/8"));

        // The client wrote the first one itself; 10.1.2.3 is a second proxy.
        var seen = await GetAsync(gateway, "6.6.6.6, 203.0.113.7, 10.1.2.3");

        Assert.Equal("203.0.113.7", seen.Address);
    }

    [Fact]
    public async Task Who_comes_from_no_named_network_is_not_believed()
    {
        await using var gateway = await GatewayHost.StartAsync(configure: Trust("10.0.0.0/8"));

        var seen = await GetAsync(gateway, "203.0.113.7");

        Assert.Equal(("127.0.0.1", "http"), (seen.Address, seen.Scheme));
    }

    [Theory]
    [InlineData("everybody", "such as 10.1.0.0/16")]
    [InlineData("10.1.0.0/99", "such as 10.1.0.0/16")]
    [InlineData("0.0.0.0/0", "which is everybody")]
    [InlineData("::/0", "which is everybody")]
    public void A_wrong_network_is_refused_at_start_with_the_remedy(string network, string remedy)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new($"{FrontProxies.Setting}:0", network)]).Build();

        var failure = Assert.Throws<InvalidOperationException>(() => FrontProxies.Read(configuration));

        Assert.Contains($"{FrontProxies.Setting}:0", failure.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, failure.Message, StringComparison.Ordinal);
    }

    private static Action<WebApplicationBuilder> Trust(params string[] networks) => builder =>
    {
        for (var i = 0; i < networks.Length; i++) builder.Configuration[$"{FrontProxies.Setting}:{i}"] = networks[i];
    };

    private static async Task<Seen> GetAsync(GatewayHost gateway, string forwardedFor)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/who");
        request.Headers.Add("X-Forwarded-For", forwardedFor);
        request.Headers.Add("X-Forwarded-Proto", "https");
        request.Headers.Add("X-Forwarded-Host", "chat.example.org");
        using var response = await gateway.Client.SendAsync(request);
        return await response.Content.ReadFromJsonAsync<Seen>() ?? throw new InvalidOperationException("The target said nothing.");
    }
}
