using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Frontend.Timeline;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Frontend;

/// <summary>Events as a room delivers them, for the tests of the models.</summary>
internal static class Events
{
    public const string Room = "delivery";
    public const string Me = "user-sam";
    public const string Other = "user-amara";
    public static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    public static ChatEvent Message(long seq, string sender = Other, string content = "hello", DateTimeOffset? at = null, string? clientId = null) => new()
    {
        EventType = EventTypes.ChatMessage,
        EventId = $"event-{seq}",
        RoomId = Room,
        Seq = seq,
        SenderId = sender,
        SenderName = sender == Me ? "Sam Whitfield" : "Amara Okafor",
        Content = content,
        Timestamp = at ?? Noon.AddSeconds(seq),
        ClientId = clientId,
    };

    public static ChatEvent Of(string type, long seq, string sender = Other, string name = "Amara Okafor") => new()
    {
        EventType = type,
        EventId = $"event-{seq}",
        RoomId = Room,
        Seq = seq,
        SenderId = sender,
        SenderName = name,
        Timestamp = Noon.AddSeconds(seq),
    };

    public static HistoryPage Page(params ChatEvent[] events) => new(events, events.Length == 0 ? 0 : events[^1].Seq ?? 0, false);

    public static FakeTimeProvider Clock() => new(Noon.AddMinutes(1));

    public static TimelineReader Reader(TimeProvider time, TimeZoneInfo? zone = null) =>
        new(Me, "sam", () => "Sam Whitfield", new LocalClock(zone ?? TimeZoneInfo.Utc, false, time));

    public static RoomTimeline Timeline(TimeProvider time, Outbox? outbox = null, TimeZoneInfo? zone = null) =>
        new(Room, Reader(time, zone), outbox ?? new Outbox());

    public static RoomSummary Summary(string roomId = Room, long head = 10, long read = 10, int unread = 0, string kind = RoomKinds.Public, Peer? peer = null) =>
        new() { RoomId = roomId, Name = roomId, Kind = kind, Role = Roles.Member, HeadSeq = head, ReadSeq = read, Unread = unread, Peer = peer };
}
