using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Realtime.Access;

/// <summary>What may be chosen for a room; anything else is <c>bad_request</c>.</summary>
internal static class RoomRules
{
    public static string Name(string? name)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > ProtocolLimits.MaxRoomNameLength || HasControls(name))
            throw Bad($"A room name has 1 to {ProtocolLimits.MaxRoomNameLength} characters without control characters.");
        return name;
    }

    /// <summary>An empty topic is none.</summary>
    public static string? Topic(string? topic)
    {
        if (string.IsNullOrEmpty(topic)) return null;
        if (topic.Length > ProtocolLimits.MaxTopicLength || HasControls(topic))
            throw Bad($"A topic has up to {ProtocolLimits.MaxTopicLength} characters without control characters.");
        return topic;
    }

    public static string Kind(string? kind) =>
        kind is RoomKinds.Public or RoomKinds.Private ? kind : throw Bad("kind must be public or private.");

    public static string NewId(string? roomId)
    {
        if (roomId is null) return RoomIds.New();
        if (!RoomIds.IsValid(roomId) || RoomIds.IsDirect(roomId))
            throw Bad($"A room id has 1 to {RoomIds.MaxLength} of a-z 0-9 _ - . and does not start with dm.");
        return roomId;
    }

    private static bool HasControls(string text) => text.Any(char.IsControl);

    private static ChatException Bad(string message) => new(ErrorCodes.BadRequest, message);
}
