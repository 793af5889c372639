using Chat.Contracts;

namespace Chat.Frontend.Timeline;

/// <summary>An event of the window with what is worked out once and kept: its markup is sanitised when it comes in, not at each rendering.</summary>
public sealed record TimelineItem(ChatEvent Event, string Html, bool Big, bool Ping)
{
    public long Seq => Event.Seq ?? 0;
    public DateTimeOffset At => Event.Timestamp ?? DateTimeOffset.UnixEpoch;
}
