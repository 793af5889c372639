using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;
using Chat.Realtime.Limits;
using Chat.Realtime.Publishing;
using Chat.Tests.Access;
using Chat.Tests.Numbering;
using Chat.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Tests.Commands;

/// <summary>What one connection sends to one room: asked for all at once, done in its order.</summary>
[Collection(nameof(NodeCollection))]
public sealed class TurnTests(NodeFixture fixture)
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly TaskCompletionSource _turn = new();

    private IServiceProvider Services => fixture.Node.Services;

    [Fact]
    public async Task A_repeat_is_found_before_its_turn()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var first = (await room.Client.AskAsync(new { event_type = "chat_message", room_id = room.Id, content = "one", client_id = "c1" })).Seq();
        var repeat = await await BeginAsync(room, "c1", _turn.Task, _ => throw new InvalidOperationException("a repeat is not prepared")).WaitAsync(Until.Patience);
        Assert.Equal(first, repeat.Seq);
    }

    [Fact]
    public async Task What_is_new_gets_its_place_when_its_turn_comes()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var prepared = new List<string>();
        var second = BeginAsync(room, "second", _turn.Task, asked => PrepareAsync("second", asked));
        // Asked after the second one, so when this has its answers the second one has them too.
        var first = await await BeginAsync(room, "first", Task.CompletedTask, asked => PrepareAsync("first", asked));
        Assert.Equal(["first"], prepared);
        _turn.SetResult();
        Assert.Equal(first.Seq + 1, (await await second).Seq);
        Assert.Equal(["first", "second"], prepared);

        Task<PreparedEvent> PrepareAsync(string name, ValueTask<CopiedStanding?> asked)
        {
            prepared.Add(name);
            return MessageAsync(asked);
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(2, false)]
    public async Task Who_waited_for_long_is_looked_up_again(int secondsWaited, bool isStillKnown)
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        await room.SendAsync("the owner is in the copy now");
        var beginning = BeginAsync(room, "c1", _turn.Task, async asked =>
        {
            Assert.Equal(isStillKnown, await asked is not null);
            throw new ChatException(ErrorCodes.Forbidden, "It has been looked at.");
        });
        await await BeginAsync(room, "c2", Task.CompletedTask, MessageAsync); // the answers are here
        await Services.GetRequiredService<IConnectionMultiplexer>().GetDatabase().KeyDeleteAsync(RedisKeys.Access(room.Id));
        _time.Advance(TimeSpan.FromSeconds(secondsWaited));
        _turn.SetResult();
        Assert.Equal(ErrorCodes.Forbidden, (await Assert.ThrowsAsync<ChatException>(() => beginning)).Code);
    }

    [Fact]
    public async Task Who_was_not_in_the_copy_is_looked_up_again_after_those_before()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        await Services.GetRequiredService<IConnectionMultiplexer>().GetDatabase().KeyDeleteAsync(RedisKeys.Access(room.Id));
        var beginning = BeginAsync(room, "c1", _turn.Task, async asked =>
        {
            Assert.NotNull(await asked);
            throw new ChatException(ErrorCodes.Forbidden, "It has been looked at.");
        });
        await room.SendAsync("the owner is in the copy now");
        _turn.SetResult();
        Assert.Equal(ErrorCodes.Forbidden, (await Assert.ThrowsAsync<ChatException>(() => beginning)).Code);
    }

    [Fact]
    public async Task A_command_that_is_refused_before_its_turn_lets_nobody_pass_those_before_it()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("bob"));
        await using var hold = await HoldAsync(room);

        var held = await client.SendAsync(new { event_type = "chat_message", room_id = room.Id, content = "first" });
        var refused = await client.SendAsync(new { event_type = "chat_message", room_id = room.Id, content = "" });
        var behind = await client.SendAsync(new { event_type = "history", room_id = room.Id });
        Assert.Equal("bad_request", (await client.ReplyAsync(refused)).Text("code"));
        await room.HistoryAsync(); // takes as long as what is behind would
        var ping = await client.SendAsync(new { event_type = "ping" });
        Assert.Equal(ping, (await client.NextAsync(frame => frame.Has("id"), "a reply")).GetProperty("id").GetInt32());

        await hold.EndAsync();
        Assert.Equal("ack", (await client.ReplyAsync(held)).Text("event_type"));
        Assert.Equal("ack", (await client.ReplyAsync(behind)).Text("event_type"));
    }

    [Fact]
    public async Task Commands_that_were_refused_before_their_turn_are_under_way_until_it_comes()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        await using var hold = await HoldAsync(room);
        var (lanes, _) = await OpenAsync();

        lanes.Enter(Message(room, "first"));
        for (var i = 1; i < Services.GetRequiredService<CommandDispatcher>().MaxInFlight; i++)
        {
            Assert.True(lanes.WhenRoomAsync().IsCompleted);
            lanes.Enter(Message(room, ""));
        }
        Assert.False(lanes.WhenRoomAsync().IsCompleted);

        await hold.EndAsync();
        await lanes.WhenRoomAsync().WaitAsync(Until.Patience);
        await lanes.StopAsync().WaitAsync(Until.Patience);
    }

    [Fact]
    public async Task What_waits_for_its_turn_while_its_connection_is_closed_is_not_sent()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        await using var hold = await HoldAsync(room);
        var (lanes, connection) = await OpenAsync();

        lanes.Enter(Message(room, "first"));
        lanes.Enter(Message(room, "second"));
        connection.Close(CloseCodes.SessionExpired, "the session has ended");
        await hold.EndAsync();

        Assert.Equal("first", (await room.Client.NextAsync("chat_message")).Text("content"));
        await lanes.StopAsync().WaitAsync(Until.Patience);
        await room.SendAsync("last");
        Assert.Equal("last", (await room.Client.NextAsync("chat_message")).Text("content"));
    }

    // To send is to join, for which the room is held; the history of a public room can be read by anybody.
    private Task<HeldRoom> HoldAsync(ChatRoom room) => HeldRoom.HoldAsync(Services.GetRequiredService<NpgsqlDataSource>(), room.Id);

    // The commands of a user who is in no room yet, on a connection that writes to nobody.
    private async Task<(CommandLanes Lanes, Connection Connection)> OpenAsync()
    {
        var name = NodeFixture.Name("bob");
        await using (await fixture.Node.ConnectAsync(name)) { }
        var connection = new Connection(Guid.NewGuid(), new ConnectedUser(name, name, null, Admin: false, SessionId: null, DateTimeOffset.MaxValue));
        return (new CommandLanes(connection, Services.GetRequiredService<CommandDispatcher>()), connection);
    }

    private static byte[] Message(ChatRoom room, string content) =>
        JsonSerializer.SerializeToUtf8Bytes(new { event_type = "chat_message", room_id = room.Id, content });

    private Task<Task<SendReceipt>> BeginAsync(ChatRoom room, string clientId, Task turn, Func<ValueTask<CopiedStanding?>, Task<PreparedEvent>> prepareAsync) =>
        new EventSender(
            Services.GetRequiredService<KnownEvents>(), Services.GetRequiredService<RoomAccess>(), Services.GetRequiredService<RateLimiter>(), Services.GetRequiredService<StorageHeadroom>(),
            Services.GetRequiredService<EventPublisher>(), Services.GetRequiredService<Chat.Realtime.NodeMetrics>(), _time)
        .BeginAsync(
            new ConnectedUser(room.Owner, room.Owner, null, Admin: false, SessionId: null, DateTimeOffset.MaxValue), room.Id, clientId, prepareAsync, turn,
            TestContext.Current.CancellationToken);

    private static async Task<PreparedEvent> MessageAsync(ValueTask<CopiedStanding?> asked) =>
        new((await asked)!.Value.Standing, new ChatEvent { EventType = EventTypes.ChatMessage, Content = "x", ContentType = "text/plain" });
}
