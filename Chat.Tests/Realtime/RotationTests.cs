using System.Text;
using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Realtime;

/// <summary>Members of a large room are served in turn while its events come fast.</summary>
[Collection(nameof(NodeCollection))]
public sealed class RotationTests : IDisposable
{
    private const int Members = 1_000;
    private const int MaxCount = 64;
    // Eight in twelve rounds of 12 ms are fast.
    private static readonly TimeSpan Fast = TimeSpan.FromMilliseconds(3);
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(21);
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(12);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    private readonly FakeTimeProvider _time = new();
    private readonly LocalRoom _room;
    private readonly List<Subscription> _members;
    private readonly Rotation _rotation;
    private readonly List<int> _turns = []; // members who got something, of each
    private long _seq;
    private EncodedEvents? _last;

    public RotationTests(NodeFixture fixture)
    {
        _room = new LocalRoom(NodeFixture.Name("room"), fixture.Node.Services.GetRequiredService<LocalRooms>());
        _members = [.. Enumerable.Range(0, Members).Select(i => Live(i))];
        _rotation = new Rotation(_members, MaxCount, 1 << 20, _time, Turn);
    }

    public void Dispose() => _rotation.Dispose();

    [Fact]
    public void Events_that_come_slowly_go_to_all_at_once()
    {
        for (var i = 0; i < 30; i++)
        {
            Assert.False(Take());
            Assert.False(_rotation.HasSome);
            _time.Advance(Slow);
        }
        Assert.Empty(_turns);
    }

    [Fact]
    public void While_events_come_fast_each_member_gets_all_in_order_and_several_with_each_turn()
    {
        BecomeFast();
        const int Events = 200;
        for (var i = 0; i < Events; i++)
        {
            Assert.True(Take());
            Advance(Fast);
        }
        Advance(Round + Pause);
        Assert.All(_members, member => Assert.Equal(Enumerable.Range(1, (int)_seq), Got(member)));
        Assert.False(_rotation.HasSome);
        // A sixth of a round has passed between two turns, and in a round each is served once, with four events.
        Assert.All(_turns, served => Assert.InRange(served, 0, (Members / 6) + 1));
        Assert.InRange(_turns.Sum(), Members * Events / 4, Members * (Events / 4 + 2));
    }

    [Fact]
    public void An_event_waits_for_a_round_at_most()
    {
        BecomeFast();
        Assert.True(Take());
        Advance(Round + Pause);
        Assert.All(_members, member => Assert.Equal(_seq, member.DeliverAfter));
    }

    [Fact]
    public void Nobody_has_a_turn_when_nothing_is_left()
    {
        BecomeFast();
        Take();
        Advance(2 * Round);
        _turns.Clear();
        Advance(10 * Round);
        Assert.Empty(_turns);
    }

    [Fact]
    public void More_events_than_may_wait_go_to_all_at_once()
    {
        BecomeFast();
        for (var i = 0; i < MaxCount; i++) Assert.True(Take());
        Assert.False(Take());
        Assert.Equal(MaxCount, _rotation.TakeAll()?.Count);
        Assert.False(_rotation.HasSome);
        Assert.Null(_rotation.TakeAll());
    }

    [Fact]
    public void Members_who_come_and_go_in_the_middle_of_a_round_change_nothing_for_the_others()
    {
        BecomeFast();
        var random = new Random(7);
        var first = _members.ToHashSet();
        for (var i = 0; i < 400; i++)
        {
            Take();
            if (random.Next(2) == 0) Leave(_members[random.Next(_members.Count)]);
            else _members.Add(Live(_members.Count, after: _seq));
            Advance(TimeSpan.FromMilliseconds(1 + random.Next(8)));
        }
        Advance(2 * Round);
        Assert.All(_members, member => Assert.Equal(_seq, member.DeliverAfter));
        Assert.All(_members.Where(first.Contains), member => Assert.Equal(Enumerable.Range(1, (int)_seq), Got(member)));

        // As the room does it.
        void Leave(Subscription gone)
        {
            var last = _members[^1];
            _rotation.Serve(gone, out _);
            _rotation.Serve(last, out _);
            _members[_members.IndexOf(gone)] = last;
            _members.RemoveAt(_members.Count - 1);
        }
    }

    private void Turn()
    {
        var before = _members.ConvertAll(member => member.DeliverAfter);
        _rotation.ServeNext(out _);
        _turns.Add(_members.Zip(before, (member, had) => member.DeliverAfter != had).Count(served => served));
    }

    // The events that show it go to all at once.
    private void BecomeFast()
    {
        for (var i = 0; i < 8; i++)
        {
            Assert.False(Take());
            foreach (var member in _members) member.Deliver(_last!);
            _time.Advance(Fast);
        }
    }

    private bool Take()
    {
        var next = new NumberedEvent(++_seq, 0, Encoding.ASCII.GetBytes($$"""{"n":{{_seq}}}"""));
        return _rotation.TryTake([next], _last = new EncodedEvents(next));
    }

    private void Advance(TimeSpan by)
    {
        for (var end = _time.GetUtcNow() + by; _time.GetUtcNow() < end;) _time.Advance(TimeSpan.FromMilliseconds(1));
    }

    private Subscription Live(int number, long after = 0)
    {
        var user = new ConnectedUser($"u{number}", $"u{number}", null, false, null, DateTimeOffset.MaxValue);
        var subscription = new Subscription(new Connection(Guid.NewGuid(), user), _room);
        subscription.GoLive(after);
        return subscription;
    }

    private static IEnumerable<int> Got(Subscription member)
    {
        while (member.Connection.TryTake(out var frame))
        {
            using var json = System.Text.Json.JsonDocument.Parse(frame.Payload);
            yield return json.RootElement.GetProperty("n").GetInt32();
        }
    }
}
