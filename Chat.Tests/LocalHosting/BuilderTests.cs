using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.Tests.Backends;

namespace Chat.Tests.LocalHosting;

public sealed class BuilderTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    [Fact]
    public async Task A_reference_hands_on_the_connection_string_and_its_parts()
    {
        var environment = await EnvironmentOfAsync(builder => builder.AddProject("web", "Web.csproj")
            .WithReference(builder.AddRedis("cache"))
            .WithReference(builder.AddKafka("log"), connectionName: "event-log"));

        Assert.Equal("{cache.connectionString}", environment["ConnectionStrings__cache"]);
        Assert.Equal("{cache-password.value}", environment["CACHE_PASSWORD"]);
        Assert.Equal("{log.connectionString}", environment["ConnectionStrings__event-log"]);
        Assert.Equal("{log.bindings.tcp.port}", environment["EVENT_LOG_PORT"]);
    }

    [Fact]
    public async Task A_reference_to_a_service_hands_on_each_of_its_endpoints()
    {
        var environment = await EnvironmentOfAsync(builder => builder.AddProject("web", "Web.csproj")
            .WithReference(builder.AddProject("real-time", "Other.csproj").WithHttpEndpoint().WithHttpEndpoint(name: "admin")));

        Assert.Equal("{real-time.bindings.http.url}", environment["services__real-time__http__0"]);
        Assert.Equal("{real-time.bindings.http.url}", environment["REAL_TIME_HTTP"]);
        Assert.Equal("{real-time.bindings.admin.url}", environment["services__real-time__admin__0"]);
    }

    [Fact]
    public async Task A_reference_to_one_endpoint_hands_on_that_one()
    {
        var environment = await EnvironmentOfAsync(builder => builder.AddProject("web", "Web.csproj")
            .WithReference(builder.AddProject("other", "Other.csproj").WithHttpEndpoint().WithHttpEndpoint(name: "admin").GetEndpoint("admin")));

        Assert.True(environment.ContainsKey("services__other__admin__0"));
        Assert.False(environment.ContainsKey("services__other__http__0"));
    }

    [Fact]
    public async Task An_interpolated_variable_stays_an_expression()
    {
        var environment = await EnvironmentOfAsync(builder => builder.AddProject("web", "Web.csproj")
            .WithEnvironment("ADDRESS", $"at {builder.AddRedis("redis").GetEndpoint("tcp")}"));

        Assert.Equal("at {redis.bindings.tcp.url}", environment["ADDRESS"]);
    }

    [Fact]
    public void The_health_check_prefers_https_and_is_added_once()
    {
        var web = DistributedApplication.CreateBuilder().AddProject("web", "Web.csproj").WithHttpEndpoint().WithHttpsEndpoint().WithHttpHealthCheck("/health");

        Assert.Equal("web_https_/health_200_check", web.Resource.Annotations.OfType<HealthCheckAnnotation>().Single().Key);
        Assert.Throws<DistributedApplicationException>(() => web.WithHttpHealthCheck("/health"));
    }

    [Fact]
    public void A_second_endpoint_of_the_same_name_changes_the_first()
    {
        var web = DistributedApplication.CreateBuilder().AddProject("web", "Web.csproj").WithHttpEndpoint().WithHttpEndpoint(port: 81);

        Assert.Equal(81, web.Resource.Annotations.OfType<EndpointAnnotation>().Single().Port);
    }

    [Fact]
    public void A_resource_cannot_wait_for_itself()
    {
        var web = DistributedApplication.CreateBuilder().AddProject("web", "Web.csproj");

        Assert.Throws<DistributedApplicationException>(() => web.WaitFor(web));
    }

    [Fact]
    public async Task Replicas_cannot_share_one_port_without_a_proxy()
    {
        var builder = Engines.Builder(_directory);
        builder.AddProject("web", "Web.csproj").WithReplicas(2).WithHttpEndpoint(port: 8080, isProxied: false);
        await using var app = builder.Build();

        var failure = await Assert.ThrowsAsync<DistributedApplicationException>(() => app.StartAsync());

        Assert.Contains("must be proxied", failure.Message);
    }

    public void Dispose() => _directory.Dispose();

    private async Task<Dictionary<string, string>> EnvironmentOfAsync(Func<IDistributedApplicationBuilder, object> build)
    {
        var builder = Published.Builder(_directory);
        build(builder);
        var resources = await Published.PublishAsync(builder, _directory);
        return resources["web"]!["env"]!.AsObject().ToDictionary(pair => pair.Key, pair => (string)pair.Value!);
    }
}
