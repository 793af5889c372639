using Chat.Contracts;
using Chat.Realtime.Presence;
using StackExchange.Redis;

namespace Chat.Tests.People;

public sealed class PresenceTests(PeopleFixture people) : IClassFixture<PeopleFixture>
{
    [Fact]
    public async Task A_user_is_online_while_any_connection_to_any_process_is_open()
    {
        var users = await people.UsersAsync(2);
        var room = await people.RoomAsync(users);
        await using var first = await people.StartProcessAsync();
        await using var second = await people.StartProcessAsync();
        var heard = await Listener.OnAsync(people.Store.Multiplexer, RedisKeys.EphemeralChannel(room));

        var phone = first.Connect(users[0]);
        var online = await heard.NextAsync("online");
        var laptop = second.Connect(users[0]);
        await EventuallyAsync(() => PartsAsync(users[0]), parts => parts.Count == 2, "both processes have the user");
        first.Presence.Disconnected(phone);
        await EventuallyAsync(() => PartsAsync(users[0]), parts => parts.Count == 1, "one process has the user");
        Assert.Equal(PresenceStatus.Online, await StatusAsync(second, room, users[0]));
        second.Presence.Disconnected(laptop);
        var offline = await heard.NextAsync("offline");

        Assert.Equal((EventTypes.Presence, PresenceStatus.Online, users[0], users[0].ToUpperInvariant(), room),
            (online.EventType, online.Status, online.SenderId, online.SenderName, online.RoomId));
        Assert.NotNull(online.LastSeen);
        Assert.Equal((PresenceStatus.Offline, users[0]), (offline.Status, offline.SenderId));
        Assert.True(offline.Timestamp - offline.LastSeen < Until.Patience);
        Assert.Equal(PresenceStatus.Offline, await StatusAsync(first, room, users[0]));
        Assert.Empty(heard.TakeAll());
    }

    [Fact]
    public async Task Who_flaps_is_announced_once_with_the_last_state()
    {
        var users = await people.UsersAsync(1);
        var room = await people.RoomAsync(users);
        await using var first = await people.StartProcessAsync();
        await using var second = await people.StartProcessAsync();
        var heard = await Listener.OnAsync(people.Store.Multiplexer, RedisKeys.EphemeralChannel(room));
        first.Connect(users[0]);
        await heard.NextAsync("online");

        // Comes and goes on the other process and then leaves this one for good, all within two announcements.
        for (var i = 0; i < 50; i++) second.Presence.Disconnected(second.Connect(users[0]));
        var last = second.Connect(users[0]);
        await EventuallyAsync(() => PartsAsync(users[0]), parts => parts.Count == 2, "both processes have the user");
        second.Presence.Disconnected(last);
        await first.StopAsync();

        var offline = await heard.NextAsync("offline");
        Assert.Equal(PresenceStatus.Offline, offline.Status);
        Assert.Empty(heard.TakeAll());
    }

    [Fact]
    public async Task Who_gives_no_command_for_ten_minutes_is_away_until_the_next_one()
    {
        var users = await people.UsersAsync(1);
        var room = await people.RoomAsync(users);
        var time = new MovableTime();
        await using var process = await people.StartProcessAsync(time);
        var heard = await Listener.OnAsync(people.Store.Multiplexer, RedisKeys.EphemeralChannel(room));
        var connection = process.Connect(users[0]);
        await heard.NextAsync("online");

        time.Offset = TimeSpan.FromMinutes(9.5);
        await Task.Delay(TimeSpan.FromSeconds(0.5)); // a tick or two, in which nothing may happen
        Assert.Equal(PresenceStatus.Online, await StatusAsync(process, room, users[0]));
        time.Offset = TimeSpan.FromMinutes(10.5);
        var away = await heard.NextAsync("away");
        Assert.Equal(1, (await process.Query.GetAsync(room, 10, null, CancellationToken.None)).Count);
        process.Presence.Touch(connection);
        var back = await heard.NextAsync("online again");

        Assert.Equal((PresenceStatus.Away, PresenceStatus.Online), (away.Status, back.Status));
        Assert.True(away.Timestamp - away.LastSeen > TimeSpan.FromMinutes(10));
    }

    [Fact]
    public async Task A_process_that_stops_leaves_nobody_and_no_lease_behind()
    {
        var users = await people.UsersAsync(3);
        var room = await people.RoomAsync(users);
        await using var leaving = await people.StartProcessAsync();
        await using var staying = await people.StartProcessAsync();
        foreach (var user in users) leaving.Connect(user);
        staying.Connect(users[2]);
        await EventuallyAsync(() => CountAsync(staying, room), count => count == 3, "three are online");
        await EventuallyAsync(() => PartsAsync(users[2]), parts => parts.Count == 2, "one of them to both processes");
        var lease = leaving.LeaseId!;

        await leaving.StopAsync();

        Assert.Equal(1, await CountAsync(staying, room));
        Assert.False(await people.Store.Redis.HashExistsAsync(RedisKeys.Nodes, lease));
        Assert.False(await people.Store.Redis.KeyExistsAsync(RedisKeys.NodeUsers(lease)));
    }

    [Fact]
    public async Task Presence_is_written_again_when_redis_has_lost_it()
    {
        var users = await people.UsersAsync(3);
        var room = await people.RoomAsync(users);
        await using var process = await people.StartProcessAsync();
        foreach (var user in users) process.Connect(user);
        await EventuallyAsync(() => CountAsync(process, room), count => count == 3, "three are online");
        var before = process.LeaseId;

        await people.Store.LoseRedisAsync(scripts: true);

        await Until.TrueAsync(() => process.LeaseId != before, "a lease under a new id");
        await EventuallyAsync(() => CountAsync(process, room), count => count == 3, "three are online again");
        await Until.TrueAsync(async () => await people.Store.Redis.SetLengthAsync(RedisKeys.NodeUsers(process.LeaseId!)) == 3, "its users can be reaped");
    }

    [Fact]
    public async Task Members_are_paged_in_the_order_of_their_ids_with_an_exact_count()
    {
        var users = await people.UsersAsync(7);
        var room = await people.RoomAsync(users);
        await using var process = await people.StartProcessAsync();
        process.Connect(users[0]);
        process.Connect(users[5]);
        await EventuallyAsync(() => CountAsync(process, room), count => count == 2, "two are online");

        var first = await process.Query.GetAsync(room, 3, null, CancellationToken.None);
        var second = await process.Query.GetAsync(room, 3, first.Users[^1].UserId, CancellationToken.None);
        var third = await process.Query.GetAsync(room, 3, second.Users[^1].UserId, CancellationToken.None);

        Assert.Equal(users, first.Users.Concat(second.Users).Concat(third.Users).Select(user => user.UserId));
        Assert.Equal((true, true, false), (first.HasMore, second.HasMore, third.HasMore));
        Assert.Equal((2, 2, 2), (first.Count, second.Count, third.Count));
        Assert.Equal((PresenceStatus.Online, users[0]), (first.Users[0].Status, first.Users[0].UserName));
        Assert.Equal((PresenceStatus.Offline, null), (first.Users[1].Status, first.Users[1].LastSeen));
        Assert.NotNull(second.Users[2].LastSeen);
    }

    [Fact]
    public async Task Large_rooms_get_a_count_and_no_events()
    {
        var users = await people.UsersAsync(ProtocolLimits.MaxPresenceEventMembers + 1);
        var large = await people.RoomAsync(users);
        var small = await people.RoomAsync(users[..^1]);
        await using var process = await people.StartProcessAsync();
        await using var other = await people.StartProcessAsync();
        var heardLarge = await Listener.OnAsync(people.Store.Multiplexer, RedisKeys.EphemeralChannel(large));
        var heardSmall = await Listener.OnAsync(people.Store.Multiplexer, RedisKeys.EphemeralChannel(small));

        process.Connect(users[0]);
        other.Connect(users[0]);
        other.Connect(users[499]);

        await heardSmall.NextAsync("online in the room of 500");
        await EventuallyAsync(() => CountAsync(process, large), count => count == 2, "two are online in the large room");
        Assert.Empty(heardLarge.TakeAll());
    }

    [Fact]
    public async Task Presence_that_cannot_be_read_is_unavailable()
    {
        await using var redis = await Chat.Tests.Backends.RedisFixture.StartServerAsync();
        await using var process = await NodeProcess.StartAsync(redis.ConnectionString, people.Store.DatabaseConnection, null);
        var room = await people.RoomAsync(await people.UsersAsync(1));
        await redis.KillAsync();

        var refused = await Assert.ThrowsAsync<ChatException>(() => process.Query.GetAsync(room, 10, null, CancellationToken.None).WaitAsync(Until.Patience));

        Assert.Equal(ErrorCodes.Unavailable, refused.Code);
    }

    [Fact]
    public async Task Typing_is_told_once_a_second_and_the_last_state_is_never_lost()
    {
        var users = await people.UsersAsync(1);
        var room = await people.RoomAsync(users);
        await using var process = await people.StartProcessAsync();
        var heard = await Listener.OnAsync(people.Store.Multiplexer, RedisKeys.EphemeralChannel(room));
        var relay = process.Get<TypingRelay>();
        var user = NodeProcess.UserOf(users[0]);

        for (var i = 0; i < 20; i++)
        {
            await relay.SetAsync(user, room, true);
            await relay.SetAsync(user, room, false);
        }
        await relay.SetAsync(user, room, true);

        var events = new List<ChatEvent> { await heard.NextAsync("typing"), await heard.NextAsync("not typing"), await heard.NextAsync("typing after all") };
        Assert.Equal([true, false, true], events.Select(typing => typing.Active));
        Assert.Equal((EventTypes.Typing, users[0], users[0].ToUpperInvariant(), room), (events[0].EventType, events[0].SenderId, events[0].SenderName, events[0].RoomId));
        Assert.True(events[2].Timestamp - events[0].Timestamp >= TimeSpan.FromMilliseconds(990));
        Assert.Empty(heard.TakeAll());
    }

    private async Task<List<HashEntry>> PartsAsync(string user) => [.. await people.Store.Redis.HashGetAllAsync(RedisKeys.Presence(user))];

    private static async Task<int> CountAsync(NodeProcess process, string room) =>
        (await process.Query.GetAsync(room, 1, null, CancellationToken.None)).Count;

    private static async Task<string> StatusAsync(NodeProcess process, string room, string user) =>
        (await process.Query.GetAsync(room, 200, null, CancellationToken.None)).Users.Single(present => present.UserId == user).Status;

    private static Task EventuallyAsync<T>(Func<Task<T>> read, Func<T, bool> holds, string expected) =>
        Until.TrueAsync(async () => holds(await read()), expected);

    /// <summary>The real time, moved.</summary>
    private sealed class MovableTime : TimeProvider
    {
        private long _offset;

        public TimeSpan Offset
        {
            get => TimeSpan.FromTicks(Interlocked.Read(ref _offset));
            set => Interlocked.Exchange(ref _offset, value.Ticks);
        }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Offset;

        public override long GetTimestamp() => base.GetTimestamp() + (long)(Offset.TotalSeconds * TimestampFrequency);
    }
}
