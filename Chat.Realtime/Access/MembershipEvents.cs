using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;
using Chat.Realtime.Publishing;
using StackExchange.Redis;

namespace Chat.Realtime.Access;

/// <summary>What a change of a room tells others: the durable event that goes through the outbox, and the live messages beside it.</summary>
public sealed partial class MembershipEvents(LiveChannels live, TimeProvider time, ILogger<MembershipEvents> logger)
{
    /// <summary>Reasons of <c>unsubscribed</c>.</summary>
    public const string Left = "left";
    public const string Removed = "removed";
    public const string Deleted = "deleted";

    /// <summary>A <c>user_join</c> or <c>user_leave</c>: its sender is the subject; who else did it stands in <c>actor_id</c>.</summary>
    /// <param name="accessVersion">0 when nobody lost anything.</param>
    internal OutgoingEvent Change(string eventType, Room room, KnownUser subject, string actorId, long accessVersion) =>
        Change(eventType, room.RoomId, room.CreatedEpoch, subject, actorId, accessVersion);

    internal OutgoingEvent Change(string eventType, string roomId, int createdEpoch, KnownUser subject, string actorId, long accessVersion)
    {
        var now = time.GetUtcNow();
        var envelope = new ChatEvent
        {
            EventType = eventType,
            EventId = Contracts.EventId.New(now).ToString(),
            RoomId = roomId,
            SenderId = subject.UserId,
            SenderName = subject.DisplayName ?? subject.UserName,
            ActorId = actorId == subject.UserId ? null : actorId,
            Timestamp = now,
        };
        return new OutgoingEvent(envelope, [], accessVersion, createdEpoch, null);
    }

    /// <summary>Ends the user's subscriptions of a room. When this is lost, the version of the durable event has the same effect.</summary>
    public Task UnsubscribedAsync(string userId, string roomId, string reason)
    {
        var now = time.GetUtcNow();
        var envelope = new ChatEvent
        {
            EventType = EventTypes.Unsubscribed,
            EventId = Contracts.EventId.New(now).ToString(),
            RoomId = roomId,
            Reason = reason,
            Timestamp = now,
        };
        return TellAsync(envelope, bytes => live.PublishToUserAsync(userId, bytes));
    }

    /// <summary>Tells those who are in the room its new name, topic and kind.</summary>
    public Task UpdatedAsync(Room room, ConnectedUser by)
    {
        var now = time.GetUtcNow();
        var envelope = new ChatEvent
        {
            EventType = EventTypes.RoomUpdated,
            EventId = Contracts.EventId.New(now).ToString(),
            RoomId = room.RoomId,
            SenderId = by.UserId,
            SenderName = by.Name,
            Content = JsonSerializer.Serialize(new RoomChange(room.Name, room.Topic, room.Kind), ChatJson.Wire.RoomChange),
            ContentType = "application/json",
            Timestamp = now,
        };
        return TellAsync(envelope, bytes => live.PublishToRoomAsync(room.RoomId, bytes));
    }

    private async Task TellAsync(ChatEvent envelope, Func<ReadOnlyMemory<byte>, Task> publish)
    {
        try
        {
            await publish(JsonSerializer.SerializeToUtf8Bytes(envelope, ChatJson.Wire.ChatEvent));
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ChatException)
        {
            Log.NotTold(logger, envelope.EventType, envelope.RoomId, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3211, LogLevel.Warning, "{EventType} of room {RoomId} was not delivered live: {Reason}")]
        public static partial void NotTold(ILogger logger, string eventType, string? roomId, string reason);
    }
}
