using System.Text.Json;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime.Publishing;
using Chat.Tests.Commands;
using Chat.Tests.EndToEnd;
using Chat.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Epochs;

/// <summary>After Redis has forgotten ids, whether a client_id was sent before is known from what its room got before the epoch.</summary>
public sealed class EarlierIdsTests
{
    // Each try waits a few seconds itself.
    private const int MaxTries = 20;

    [Fact]
    public async Task A_node_that_is_healthy_knows_the_earlier_ids_before_its_first_send()
    {
        await using var platform = await Platform.StartAsync(shared: null);
        await platform.StartPersisterAsync();
        var (user, roomId) = await MakeRoomAsync(platform);
        await using var client = await platform.Nodes[0].ConnectAsync(user);
        var first = await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "first", client_id = "first" });
        await Await.UntilAsync(async () => (await platform.RowsAsync(roomId)).Count == 1, () => "the message in Postgres");
        await platform.EmptyRedisAsync();

        await using var node = await TestNode.StartAsync(platform.Backing);

        var ids = node.Services.GetRequiredService<EarlierIds>();
        Assert.True(await ids.ExcludeAsync(roomId, [Guid.NewGuid()], TestContext.Current.CancellationToken));
        Assert.False(await ids.ExcludeAsync(roomId, [Guid.Parse(first.Text("event_id"))], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_node_that_does_not_know_yet_how_events_are_numbered_counts_as_starting_for_ten_seconds()
    {
        await using var platform = await Platform.StartAsync(shared: null);
        var (clock, services) = (new FakeTimeProvider(), platform.Nodes[0].Services);
        // It is not begun, so it finds nothing out.
        using var start = new NumberingAtStart(
            services.GetRequiredService<EpochStore>(), services.GetRequiredService<OpenPartitions>(), services.GetRequiredService<EarlierIds>(), clock,
            services.GetRequiredService<ILogger<NumberingAtStart>>());
        async Task<HealthStatus> HealthAsync() => (await start.CheckHealthAsync(new HealthCheckContext(), TestContext.Current.CancellationToken)).Status;

        clock.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(HealthStatus.Unhealthy, await HealthAsync());
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(HealthStatus.Healthy, await HealthAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(520)] // more than is read of a quiet room
    public async Task Sends_with_new_ids_go_on_without_Postgres_where_the_room_s_earlier_ids_are_known_and_repeats_are_never_taken_for_new(int earlier)
    {
        await using var platform = await Platform.StartAsync(shared: null);
        await platform.StartPersisterAsync();
        var (user, roomId) = await MakeRoomAsync(platform);
        await using var client = await platform.Nodes[0].ConnectAsync(user);

        Task<JsonElement> SendAsync(string clientId) => client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = clientId, client_id = clientId });
        async Task<JsonElement> SendUntilAcceptedAsync(string clientId)
        {
            var reply = await SendAsync(clientId);
            for (var tries = 1; reply.Text("event_type") == "error" && tries < MaxTries; tries++) reply = await SendAsync(clientId);
            Assert.Equal("ack", reply.Text("event_type"));
            return reply;
        }

        var first = await SendUntilAcceptedAsync("first");
        for (var i = 1; i < earlier; i++) await SendUntilAcceptedAsync($"earlier {i}");
        await Await.UntilAsync(async () => (await platform.RowsAsync(roomId)).Count == earlier, () => "the messages in Postgres");
        await platform.EmptyRedisAsync();
        await SendUntilAcceptedAsync("waits for its partition to be open");
        await SendUntilAcceptedAsync("has the room's earlier ids read");
        var ids = platform.Nodes[0].Services.GetRequiredService<EarlierIds>();
        await ids.Reading;

        await platform.Postgres.KillAsync();
        Assert.Equal("ack", (await SendAsync("new")).Text("event_type"));
        Assert.Equal("unavailable", (await SendAsync("first")).Text("code"));

        await platform.Postgres.StartAsync();
        var again = await SendUntilAcceptedAsync("first");
        Assert.Equal((first.Text("event_id"), first.GetProperty("seq").GetInt64()), (again.Text("event_id"), again.GetProperty("seq").GetInt64()));
        Assert.False(await ids.ExcludeAsync(roomId, [Guid.NewGuid(), Guid.Parse(first.Text("event_id"))], TestContext.Current.CancellationToken));

        await AssertKnownAsync(maxIds: 1_000, known: true);
        await AssertKnownAsync(maxIds: earlier - 1, known: earlier < 128); // more than are kept: those of a quiet room are read by themselves

        async Task AssertKnownAsync(int maxIds, bool known)
        {
            var services = platform.Nodes[0].Services;
            var read = new EarlierIds(
                services.GetRequiredService<OpenPartitions>(), services.GetRequiredService<EpochStore>(), services.GetRequiredService<EventStore>(), TimeProvider.System,
                services.GetRequiredService<ILogger<EarlierIds>>(), maxIds);
            // Several at once, as sends come.
            await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => read.ExcludeAsync(roomId, [Guid.NewGuid()], TestContext.Current.CancellationToken).AsTask()));
            await read.Reading;
            Assert.False(await read.ExcludeAsync(roomId, [Guid.Parse(first.Text("event_id"))], TestContext.Current.CancellationToken));
            Assert.Equal(known, await read.ExcludeAsync(roomId, [Guid.NewGuid()], TestContext.Current.CancellationToken));
            Assert.False(await read.ExcludeAsync(roomId, [Guid.Parse(first.Text("event_id"))], TestContext.Current.CancellationToken));
        }
    }

    private static async Task<(string User, string RoomId)> MakeRoomAsync(Platform platform)
    {
        var (user, roomId) = (NodeFixture.Name("ann"), NodeFixture.Name("room"));
        using var http = platform.Nodes[0].Http(user);
        using var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = roomId, kind = "public" }));
        Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync());
        return (user, roomId);
    }
}
