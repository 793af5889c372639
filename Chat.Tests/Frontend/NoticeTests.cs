using Chat.Client;
using Chat.Frontend.Shell;
using Chat.Frontend.Timeline;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Frontend;

public sealed class NoticeTests
{
    private readonly FakeTimeProvider _time = new(Events.Noon);
    private readonly ConnectionNotice _notice;

    public NoticeTests() => _notice = new ConnectionNotice(_time);

    [Fact]
    public void A_short_loss_is_never_mentioned()
    {
        Lose();
        Pass(1.9);
        Assert.Null(_notice.Current(0));
        _notice.Set(new ConnectionState(ConnectionStatus.Connected));
        Assert.Null(_notice.Current(0));
        Assert.Null(_notice.NextChange);
    }

    [Fact]
    public void A_loss_is_named_after_two_seconds_and_measured_after_ten()
    {
        Lose();
        Pass(2);
        Assert.Equal(NoticeKind.Connecting, _notice.Current(0)!.Kind);
        Pass(60);
        _notice.Set(new ConnectionState(ConnectionStatus.Reconnecting, 3, _time.GetUtcNow().AddSeconds(8)));
        var notice = _notice.Current(3)!;
        Assert.Equal("No connection for 1 min.", notice.Strong);
        Assert.Equal("3 messages are waiting here. Next try in 8 s.", notice.Text);
    }

    [Fact]
    public void Coming_back_is_said_for_four_seconds_with_what_was_missed()
    {
        Lose();
        Pass(5);
        _notice.Set(new ConnectionState(ConnectionStatus.Connected));
        _notice.CountMissed();
        _notice.CountMissed();
        Assert.Equal("Back. 2 missed messages are here, in order.", _notice.Current(0)!.Text);
        Pass(4);
        Assert.Null(_notice.Current(0));
    }

    [Fact]
    public void Being_signed_out_is_said_and_stays()
    {
        _notice.Set(new ConnectionState(ConnectionStatus.Closed, ClosedReason: ClosedReason.SignedOut));
        Pass(3600);
        Assert.Equal(NoticeKind.SignedOut, _notice.Current(0)!.Kind);
    }

    [Fact]
    public void Typing_ends_by_itself_by_a_message_or_by_stopping()
    {
        var line = new TypingLine(Events.Me);
        Assert.True(line.Receive(Typing("a", true), Events.Noon));
        Assert.True(line.Receive(Typing("b", true), Events.Noon));
        Assert.False(line.Receive(Typing(Events.Me, true), Events.Noon));
        Assert.Equal(2, line.Names.Count);
        Assert.True(line.Receive(Events.Message(1, "a"), Events.Noon));
        Assert.False(line.Tick(Events.Noon.AddSeconds(5.9)));
        Assert.True(line.Tick(Events.Noon.AddSeconds(6)));
        Assert.Empty(line.Names);
    }

    private void Lose() => _notice.Set(new ConnectionState(ConnectionStatus.Reconnecting));

    private void Pass(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));

    private static Contracts.ChatEvent Typing(string who, bool active) =>
        new() { EventType = Contracts.EventTypes.Typing, RoomId = Events.Room, SenderId = who, SenderName = who, Active = active };
}
