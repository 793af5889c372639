using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;

namespace Chat.Tests.LocalHosting;

/// <summary>What the environment does to the shipped model; nothing is started.</summary>
public sealed class AppHostTests
{
    [Fact]
    public async Task The_default_is_two_nodes_and_one_of_everything_else()
    {
        await using var builder = await CreateAsync();

        Assert.Equal(
            ["signing-key", "proxy-secret", "redis", "kafka", "postgres", "chatdb", "realtime", "persister", "frontend", "gateway"],
            builder.Resources.Select(resource => resource.Name));
        Assert.Equal(2, Find(builder, "realtime").GetReplicaCount());
        Assert.Equal(1, Find(builder, "persister").GetReplicaCount());
    }

    [Fact]
    public async Task Replicas_follow_the_environment()
    {
        await using var builder = await CreateAsync("CHAT_NODES=5", "CHAT_PERSISTERS=2", "CHAT_FRONTENDS=3");

        Assert.Equal([5, 2, 3], new[] { "realtime", "persister", "frontend" }.Select(name => Find(builder, name).GetReplicaCount()));
    }

    [Fact]
    public async Task A_given_server_is_used_and_none_is_started()
    {
        await using var builder = await CreateAsync("ConnectionStrings:chatdb=Host=db;Database=chat", "ConnectionStrings:redis=cache:6379");

        Assert.DoesNotContain(builder.Resources, resource => resource.Name == "postgres");
        Assert.IsNotType<RedisResource>(Find(builder, "redis"));
        var variables = await VariablesOfAsync(builder, "realtime");
        Assert.Equal("Host=db;Database=chat", variables["ConnectionStrings__chatdb"]);
        Assert.Equal("cache:6379", variables["ConnectionStrings__redis"]);
    }

    [Fact]
    public async Task Settings_reach_every_service()
    {
        await using var builder = await CreateAsync("Chat:Limits:MessagesPerSecond=0");

        foreach (var service in new[] { "realtime", "persister", "frontend", "gateway" })
            Assert.Equal("0", (await VariablesOfAsync(builder, service))["Chat__Limits__MessagesPerSecond"]);
    }

    [Fact]
    public async Task A_secret_that_the_operator_gives_wins_over_the_generated_one()
    {
        await using var builder = await CreateAsync("Chat:Auth:SigningKey=AAAA", "Chat:Proxy:Secret=between-us", "Chat:Auth:BootstrapCode=open-sesame");

        var node = await VariablesOfAsync(builder, "realtime");
        Assert.Equal(("AAAA", "between-us", "open-sesame"), (node["Chat__Auth__SigningKey"], node["Chat__Proxy__Secret"], node["Chat__Auth__BootstrapCode"]));
        foreach (var proxy in new[] { "gateway", "frontend" })
            Assert.Equal("between-us", (await VariablesOfAsync(builder, proxy))["Chat__Proxy__Secret"]);
    }

    [Fact]
    public async Task A_secret_reaches_only_the_services_that_use_it()
    {
        await using var builder = await CreateAsync(
            "Chat:Auth:SigningKey=AAAA", "Chat:Auth:InviteCode=only-friends", "Chat:Auth:BootstrapCode=open-sesame", "Chat:Proxy:Secret=between-us");

        foreach (var service in new[] { "persister", "frontend", "gateway" })
            Assert.DoesNotContain((await VariablesOfAsync(builder, service)).Keys, name => name.StartsWith("Chat__Auth__", StringComparison.Ordinal));
        Assert.DoesNotContain("Chat__Proxy__Secret", (await VariablesOfAsync(builder, "persister")).Keys);
        Assert.Equal("only-friends", (await VariablesOfAsync(builder, "realtime"))["Chat__Auth__InviteCode"]);
    }

    [Fact]
    public async Task An_origin_that_others_can_reach_needs_a_code_for_the_first_account()
    {
        await using var closed = await CreateAsync();
        await using var open = await CreateAsync("CHAT_BIND=0.0.0.0");

        Assert.False((await VariablesOfAsync(closed, "realtime")).ContainsKey("Chat__Auth__BootstrapCode"));
        Assert.Equal(16, (await VariablesOfAsync(open, "realtime"))["Chat__Auth__BootstrapCode"]!.Length);
        Assert.All(
            Find(open, "gateway").Annotations.OfType<EndpointAnnotation>().Where(endpoint => endpoint.IsExternal),
            endpoint => Assert.Equal("0.0.0.0", endpoint.TargetHost));
    }

    [Fact]
    public async Task A_relative_certificate_path_counts_from_where_the_AppHost_was_started()
    {
        await using var builder = await CreateAsync("Chat:Tls:Certificate=certs/own.pem", "Chat:Tls:Key=/etc/own.key");

        var gateway = await VariablesOfAsync(builder, "gateway");

        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "certs", "own.pem"), gateway["Chat__Tls__Certificate"]);
        Assert.Equal(Path.GetFullPath("/etc/own.key"), gateway["Chat__Tls__Key"]);
    }

    [Theory]
    [InlineData("CHAT_NODES=none")]
    [InlineData("CHAT_NODES=0")]
    [InlineData("CHAT_HTTP_PORT=70000")]
    [InlineData("CHAT_BIND=everywhere")]
    public async Task A_wrong_setting_is_named(string setting)
    {
        var failure = await Assert.ThrowsAsync<DistributedApplicationException>(() => CreateAsync(setting));

        Assert.Contains(setting.Split('=')[0], failure.Message);
    }

    private static Task<IDistributedApplicationTestingBuilder> CreateAsync(params string[] arguments) =>
        DistributedApplicationTestingBuilder.CreateAsync<Projects.Chat_AppHost>(arguments);

    private static IResource Find(IDistributedApplicationTestingBuilder builder, string name) =>
        builder.Resources.Single(resource => resource.Name == name);

    /// <summary>The variables whose values are known without starting anything.</summary>
    private static async Task<Dictionary<string, string?>> VariablesOfAsync(IDistributedApplicationTestingBuilder builder, string name)
    {
        var context = new EnvironmentCallbackContext(builder.ExecutionContext, Find(builder, name), []);
        foreach (var annotation in Find(builder, name).Annotations.OfType<EnvironmentCallbackAnnotation>())
            await annotation.Callback(context);
        var values = new Dictionary<string, string?>();
        foreach (var (variable, value) in context.EnvironmentVariables)
        {
            if (value is string text)
                values[variable] = text;
            else if (value is ParameterResource parameter)
                values[variable] = await parameter.GetValueAsync();
            else if (value is ConnectionStringReference { Resource: ParameterResource } reference)
                values[variable] = await reference.GetValueAsync();
        }
        return values;
    }
}
