using System.Globalization;
using System.Net;
using Chat.Gateway;
using Chat.LocalHosting.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace Chat.Tests.Gateway;

public sealed class MetricsPortTests
{
    [Theory]
    [InlineData("/metrics")]
    [InlineData("/metrics/")]
    [InlineData("/METRICS")]
    [InlineData("/%6Detrics")]
    [InlineData("/metrics/anything")]
    public async Task The_public_origin_shows_nobodys_figures_to_others(string path)
    {
        await using var gateway = await GatewayHost.StartAsync(frontends: 1);
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("X-Forwarded-For", "203.0.113.7");

        using var response = await gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task The_port_for_metrics_shows_them_and_nothing_else()
    {
        var port = LoopbackPort.Pick();
        await using var gateway = await GatewayHost.StartAsync(frontends: 1, configure: builder =>
        {
            builder.WebHost.UseUrls("http://127.0.0.1:0", "https://127.0.0.1:0", $"http://127.0.0.1:{port}");
            builder.Configuration[MetricsPort.Setting] = port.ToString(CultureInfo.InvariantCulture);
        });
        using var scraper = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

        // The gateway of these tests has no exporter: what answers is the interface behind it, so the way is open.
        Assert.Equal(HttpStatusCode.OK, (await scraper.GetAsync("/metrics")).StatusCode);
        Assert.Equal("Healthy", await scraper.GetStringAsync("/health"));
        foreach (var path in (string[])["/", "/api/rooms", "/ws"])
            Assert.Equal(HttpStatusCode.NotFound, (await scraper.GetAsync(path)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Client.GetAsync("/metrics")).StatusCode); // from this machine itself
        Assert.Equal("frontend-1", (await gateway.GetAsync("/")).Name);
    }
}
