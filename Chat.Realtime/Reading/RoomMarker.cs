namespace Chat.Realtime.Reading;

/// <summary>A user's read marker in a room and what lies after it.</summary>
/// <param name="Seq">0 for who never read there.</param>
/// <param name="Unread">Chat messages after the marker, exact to <see cref="Chat.Contracts.ProtocolLimits.MaxUnread"/>.</param>
/// <param name="Mentions">Those of them that mention the user, exact to the same number.</param>
public sealed record RoomMarker(string RoomId, long Seq, int Unread, int Mentions);
