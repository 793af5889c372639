using Chat.Realtime.Connections;
using Chat.Tests.Api;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chat.Tests.Realtime;

[Collection(ApiCollection.Name)]
public sealed class RehearsalTests(ApiFixture fixture)
{
    [Fact]
    public async Task A_node_counts_as_starting_until_the_way_in_was_gone_once_which_leaves_nothing_behind()
    {
        var host = fixture.Host;
        var before = await CountAsync();
        using var rehearsal = ActivatorUtilities.CreateInstance<RehearsalAtStart>(host.Services);
        Assert.Equal(HealthStatus.Unhealthy, await HealthAsync());

        await rehearsal.StartAsync(CancellationToken.None);
        await rehearsal.ExecuteTask!.WaitAsync(Until.Patience);

        Assert.Equal(HealthStatus.Healthy, await HealthAsync());
        Assert.Equal(before, await CountAsync());

        async Task<HealthStatus> HealthAsync() => (await rehearsal.CheckHealthAsync(new HealthCheckContext(), CancellationToken.None)).Status;

        Task<long> CountAsync() => host.QueryAsync<long>(
            "select (select count(*) from users) + (select count(*) from rooms) + (select count(*) from members) + (select count(*) from outbox where sent_at is null)");
    }
}
