using Chat.Contracts;

namespace Chat.Data.Numbering;

/// <summary>One event of a room channel's message.</summary>
public readonly record struct RoomFrame(NumberedEvent Event, long AccessVersion);

/// <summary>
/// The message that the numbering script publishes on a room's channel: per event a line <c>seq epoch access-version length\n</c> and the body.
/// </summary>
public static class RoomFrames
{
    /// <summary>Splits a channel message; throws <see cref="FormatException"/> when it is not one of the script's.</summary>
    public static IReadOnlyList<RoomFrame> Parse(ReadOnlyMemory<byte> message) => throw new NotImplementedException();
}
