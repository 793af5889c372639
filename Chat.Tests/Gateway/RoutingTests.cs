using System.Net;
using System.Net.Http.Json;
using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Tests.Gateway;

public sealed class RoutingTests
{
    [Fact]
    public async Task Api_and_sockets_go_to_nodes_and_the_rest_to_the_interface()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 1, frontends: 1);

        foreach (var path in (string[])["/api/rooms", "/hubs/chat", "/hubs/chat/negotiate", "/openapi/v1.json"])
            Assert.Equal(("node-1", path), Of(await gateway.GetAsync(path)));
        foreach (var path in (string[])["/", "/rooms/general", "/_blazor/negotiate", "/apis", "/wss"])
            Assert.Equal(("frontend-1", path), Of(await gateway.GetAsync(path)));
        Assert.Equal("Healthy", await gateway.Client.GetStringAsync("/health"));

        static (string, string) Of(Seen seen) => (seen.Name, seen.Path);
    }

    [Fact]
    public async Task Without_a_node_the_answer_is_unavailable_and_says_when_to_retry()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 0);

        using var response = await gateway.Client.GetAsync("/api/rooms");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = await response.Content.ReadFromJsonAsync(ChatJson.Default.Problem);
        Assert.Equal((ErrorCodes.Unavailable, 503, 1000), (problem?.Code, problem?.Status, problem?.RetryAfterMs));
    }

    [Fact]
    public async Task A_browser_that_finds_no_interface_gets_a_page_that_tries_again()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 1);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "Accept", "text/html,*/*" } } };

        using var response = await gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("http-equiv=\"refresh\"", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_clients_say_about_themselves_is_overwritten()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/who");
        request.Headers.Add("X-Forwarded-For", "6.6.6.6");
        request.Headers.Add("X-Forwarded-Proto", "https");
        request.Headers.Add("X-Forwarded-Host", "evil.example");
        request.Headers.Add("X-Forwarded-Prefix", "/evil");
        request.Headers.Add("Forwarded", "for=6.6.6.6");
        request.Headers.Add("X-Chat-Proxy", "a-guess");

        using var response = await gateway.Client.SendAsync(request);

        var seen = await response.Content.ReadFromJsonAsync<Seen>();
        Assert.Equal(("127.0.0.1", "http", gateway.Http.Authority), (seen?.Address, seen?.Scheme, seen?.Host));
        Assert.Empty(seen!.Headers);
    }

    [Theory]
    [InlineData("a-guess")]
    [InlineData(null)]
    public async Task A_node_believes_nobody_who_does_not_know_the_secret(string? secret)
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 0);
        var node = await gateway.AddNodeAsync("node-1");
        using var client = new HttpClient { BaseAddress = node.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/who");
        request.Headers.Add("X-Forwarded-For", "6.6.6.6");
        request.Headers.Add("X-Forwarded-Proto", "https");
        request.Headers.Add("X-Forwarded-Host", "evil.example");
        if (secret is not null) request.Headers.Add("X-Chat-Proxy", secret);

        using var response = await client.SendAsync(request);

        var seen = await response.Content.ReadFromJsonAsync<Seen>();
        Assert.Equal(("127.0.0.1", "http", node.Address.Authority), (seen?.Address, seen?.Scheme, seen?.Host));
        Assert.Empty(seen!.Headers);
    }

    [Fact]
    public async Task The_gateway_tells_the_client_as_it_is_when_the_secret_is_known()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 0);
        var node = await gateway.AddNodeAsync("node-1");
        using var client = new HttpClient { BaseAddress = node.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/who");
        request.Headers.Add("X-Forwarded-For", "203.0.113.9");
        request.Headers.Add("X-Forwarded-Proto", "https");
        request.Headers.Add("X-Forwarded-Host", "chat.example");
        request.Headers.Add("X-Chat-Proxy", GatewayHost.Secret);

        using var response = await client.SendAsync(request);

        var seen = await response.Content.ReadFromJsonAsync<Seen>();
        Assert.Equal(("203.0.113.9", "https", "chat.example"), (seen?.Address, seen?.Scheme, seen?.Host));
    }

    [Fact]
    public async Task A_response_is_passed_on_as_it_comes()
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.Client.GetAsync("/api/stream", HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[6];
        await body.ReadExactlyAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal("first\n"u8.ToArray(), buffer);
    }

    [Fact]
    public async Task A_body_over_the_limit_is_refused_and_one_below_passes()
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var fits = await gateway.Client.PostAsync("/api/upload", new ByteArrayContent(new byte[10 * 1024 * 1024]));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/upload") { Content = new ByteArrayContent(new byte[12 * 1024 * 1024]) };
        request.Headers.ExpectContinue = true; // so that the refusal is read before the body is written
        using var tooLarge = await gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.NoContent, fits.StatusCode);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, tooLarge.StatusCode);
    }

    [Fact]
    public async Task A_token_in_a_query_string_ends_in_no_log_line()
    {
        await using var gateway = await GatewayHost.StartAsync();

        await gateway.GetAsync("/api/rooms?access_token=very-secret-token");
        using var unavailable = await gateway.Client.GetAsync("/?ticket=very-secret-token");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, unavailable.StatusCode);
        Assert.DoesNotContain("very-secret-token", gateway.LogLines.ToString(), StringComparison.Ordinal);
    }
}
