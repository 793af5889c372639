using System.Net;
using System.Text.Json.Nodes;
using Chat.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chat.Tests.LocalHosting;

/// <summary>What probes and scrapers see of every service.</summary>
public sealed class HealthEndpointTests
{
    [Fact]
    public async Task A_missing_backing_service_is_named_and_the_process_still_counts_as_serving()
    {
        await using var app = await StartAsync(checks => checks.AddCheck("redis", () => HealthCheckResult.Unhealthy("secret detail")));

        var (status, body) = await GetAsync(app, "/health");

        Assert.Equal(HttpStatusCode.OK, status);
        var json = JsonNode.Parse(body)!;
        Assert.Equal("degraded", (string?)json["status"]);
        Assert.Equal("degraded", (string?)json["checks"]!["redis"]);
        Assert.DoesNotContain("secret detail", body);
    }

    [Fact]
    public async Task A_process_that_can_serve_nothing_says_503_and_is_still_alive()
    {
        await using var app = await StartAsync(checks => checks.AddCheck("schema", () => HealthCheckResult.Unhealthy(), [HealthEndpoints.ReadyTag]));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await GetAsync(app, "/health")).Status);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(app, "/alive")).Status);
    }

    [Fact]
    public async Task A_check_that_hangs_does_not_hang_the_probe()
    {
        await using var app = await StartAsync(checks => checks.AddAsyncCheck("stuck", async cancellationToken =>
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return HealthCheckResult.Healthy();
        }));

        var (status, body) = await GetAsync(app, "/health").WaitAsync(Engines.Timeout);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("degraded", (string?)JsonNode.Parse(body)!["checks"]!["stuck"]);
    }

    [Fact]
    public async Task While_it_drains_it_says_503()
    {
        await using var app = await StartAsync(_ => { });
        var address = AddressOf(app);
        using var http = new HttpClient();
        HttpStatusCode? seen = null;
        app.Lifetime.ApplicationStopping.Register(() => seen = http.GetAsync(address + "/health").GetAwaiter().GetResult().StatusCode);

        await app.StopAsync();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, seen);
    }

    [Fact]
    public async Task Metrics_are_Prometheus_text()
    {
        await using var app = await StartAsync(_ => { });
        using var meter = new System.Diagnostics.Metrics.Meter("Chat.HealthEndpointTests");
        meter.CreateCounter<long>("chat_things").Add(3);

        var (status, body) = await GetAsync(app, "/metrics");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Matches(@"(?m)^chat_things_total\S* 3", body);
    }

    private static async Task<WebApplication> StartAsync(Action<IHealthChecksBuilder> addChecks)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.AddServiceDefaults();
        builder.Logging.ClearProviders();
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        addChecks(builder.Services.AddHealthChecks());
        var app = builder.Build();
        app.MapDefaultEndpoints();
        await app.StartAsync();
        return app;
    }

    private static string AddressOf(WebApplication app) =>
        app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    private static async Task<(HttpStatusCode Status, string Body)> GetAsync(WebApplication app, string path)
    {
        using var http = new HttpClient { BaseAddress = new Uri(AddressOf(app)) };
        using var response = await http.GetAsync(path);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
