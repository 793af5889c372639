using Chat.Realtime.Connections;
using Chat.Tests.Api;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Realtime;

[Collection(ApiCollection.Name)]
public sealed class RehearsalTests(ApiFixture fixture)
{
    [Fact]
    public async Task A_node_counts_as_starting_until_the_way_in_was_gone_once_which_leaves_nothing_behind()
    {
        var host = fixture.Host;
        // With a clock that stands still it is over when it has succeeded, and not by its time.
        using var rehearsal = ActivatorUtilities.CreateInstance<RehearsalAtStart>(host.Services, new FakeTimeProvider());
        Assert.Equal(HealthStatus.Unhealthy, await HealthAsync());

        await rehearsal.StartAsync(CancellationToken.None);
        await rehearsal.ExecuteTask!.WaitAsync(Until.Patience);

        Assert.Equal(HealthStatus.Healthy, await HealthAsync());
        Assert.Equal(0, await host.QueryAsync<long>(
            "select (select count(*) from users where user_id = '\u2205') + (select count(*) from rooms where room_id = '\u2205') + (select count(*) from outbox where room_id = '\u2205')"));

        async Task<HealthStatus> HealthAsync() => (await rehearsal.CheckHealthAsync(new HealthCheckContext(), CancellationToken.None)).Status;
    }
}
