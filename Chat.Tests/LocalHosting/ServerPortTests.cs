using System.Net.Sockets;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Processes;
using Chat.Tests.Backends;

namespace Chat.Tests.LocalHosting;

/// <summary>Something else stands before a server: references are told its address, and the server listens elsewhere.</summary>
public sealed class ServerPortTests : IDisposable
{
    private readonly TestDirectory _directory = new();
    private readonly int _told = LoopbackPort.Pick();
    private readonly int _listens = LoopbackPort.Pick();

    [Fact]
    public async Task References_are_told_one_port_and_the_server_listens_on_the_other()
    {
        var builder = Engines.Builder(_directory, $"LocalEngine:Endpoints:cache:Port={_told}", $"LocalEngine:Endpoints:cache:TargetPort={_listens}");
        var cache = builder.AddRedis("cache");
        await using var app = builder.Build();
        using var deadline = new CancellationTokenSource(Engines.Timeout);
        await app.StartAsync(deadline.Token);
        await app.ResourceNotifications.WaitForResourceHealthyAsync("cache", deadline.Token);

        Assert.StartsWith($"127.0.0.1:{_told},", await cache.Resource.ConnectionStringExpression.GetValueAsync(deadline.Token));
        var shown = app.ResourceNotifications.Current.Single(resourceEvent => resourceEvent.ResourceId == "cache-1").Snapshot.Urls.Single().Url;
        Assert.Equal(_listens, new Uri(shown).Port);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", _listens, deadline.Token);
        Assert.True(LoopbackPort.IsFree(_told));
    }

    [Theory]
    [InlineData("no server of that name", "nothing", "Port=7000", "TargetPort=7001")]
    [InlineData("TargetPort is ''", "cache", "Port=7000")]
    [InlineData("Port is 'seven'", "cache", "Port=seven", "TargetPort=7001")]
    public async Task A_wrong_setting_is_told(string expected, string server, params string[] settings)
    {
        var builder = Engines.Builder(_directory, [.. settings.Select(setting => $"LocalEngine:Endpoints:{server}:{setting}")]);
        builder.AddRedis("cache");

        var failure = await Assert.ThrowsAsync<DistributedApplicationException>(async () =>
        {
            await using var app = builder.Build();
            await app.StartAsync();
        });
        Assert.Contains(expected, failure.Message);
    }

    public void Dispose() => _directory.Dispose();
}
