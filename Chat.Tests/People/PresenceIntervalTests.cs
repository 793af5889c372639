using Chat.Contracts;
using Chat.Data;
using Chat.Realtime.Fanout;
using Chat.Realtime.Nodes;
using Chat.Realtime.Presence;
using Chat.Realtime.Redis;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Tests.People;

/// <summary>How soon others see somebody come and go, by the intervals themselves and a clock that the test moves.</summary>
public sealed class PresenceIntervalTests(PeopleFixture people) : IClassFixture<PeopleFixture>
{
    [Fact]
    public void Who_comes_or_goes_is_seen_to_within_a_second_also_when_announced_just_before()
    {
        // A change just after the tracker's tick; then the quiet ends just after a tick of the announcer. The rest is for the round trips.
        var ticks = Math.Ceiling(PresenceAnnouncer.Quiet / PresenceAnnouncer.Tick);
        Assert.True(PresenceTracker.Tick + ticks * PresenceAnnouncer.Tick <= TimeSpan.FromMilliseconds(800));
    }

    [Fact]
    public void Users_of_a_killed_process_are_offline_well_within_ten_seconds()
    {
        // Killed just after it renewed its lease; looked at just before the lease ran out. The rest is for the users, 500 in a round trip.
        Assert.True(TimeSpan.FromSeconds(NodeLease.LifeSeconds) + LeaseReaper.LongestInterval + PresenceAnnouncer.Tick <= TimeSpan.FromSeconds(7));
    }

    [Fact]
    public async Task An_announced_user_is_announced_again_when_the_quiet_is_over_and_not_before()
    {
        var users = await people.UsersAsync(2);
        var room = await people.RoomAsync(users);
        var heard = await Listener.OnAsync(people.Store.Multiplexer, RedisKeys.EphemeralChannel(room));
        var time = new MovedClock();
        var redis = new AwayCommands(new LibraryCommands(people.Store.Multiplexer));
        using var announcer = new PresenceAnnouncer(
            new PresenceStore(people.Store.Multiplexer, redis), new LiveChannels(redis, NullLogger<LiveChannels>.Instance), people.Store.Database, time, NullLogger<PresenceAnnouncer>.Instance);

        announcer.Announce(users[0]);
        await announcer.AnnounceDueAsync(CancellationToken.None);
        Assert.Equal(users[0], (await heard.NextAsync("the first announcement")).SenderId);

        announcer.Announce(users[0]);
        time.Move(PresenceAnnouncer.Quiet - TimeSpan.FromMilliseconds(1));
        announcer.Announce(users[1]);
        await announcer.AnnounceDueAsync(CancellationToken.None);
        Assert.Equal(users[1], (await heard.NextAsync("the other user alone")).SenderId);

        time.Move(TimeSpan.FromMilliseconds(1));
        await announcer.AnnounceDueAsync(CancellationToken.None);
        Assert.Equal(users[0], (await heard.NextAsync("the second announcement")).SenderId);
        Assert.Empty(heard.TakeAll());
    }

    private sealed class MovedClock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Move(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);

        public override long GetTimestamp() => Interlocked.Read(ref _ticks);

        public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero).AddTicks(Interlocked.Read(ref _ticks));
    }
}
