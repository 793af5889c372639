using Chat.Contracts;

namespace Chat.Client;

/// <summary>
/// Answer to <see cref="ChatConnection.SubscribeAsync"/>. The connection keeps the subscription over every reconnect by itself.
/// </summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Current epoch of the room's numbers; keep it together with the last seq to resume later.</param>
/// <param name="HeadSeq">Newest number in the room, 0 when it is empty.</param>
/// <param name="FirstSeq">Oldest number in history, 0 when it is empty.</param>
/// <param name="Recovered">False when the gap could not be closed: load the room from history.</param>
/// <param name="Events">The events after the given seq. They are also raised through <see cref="ChatConnection.EventReceived"/>, before any later one.</param>
public sealed record Subscription(string RoomId, string Epoch, long HeadSeq, long FirstSeq, bool Recovered, IReadOnlyList<ChatEvent> Events);

/// <summary>A room's stream could not be continued without a hole: what is shown of the room must be loaded from history again.</summary>
/// <param name="RoomId">The room; its subscription goes on from <paramref name="HeadSeq"/>.</param>
/// <param name="Epoch">Epoch from now on.</param>
/// <param name="HeadSeq">Newest number; the next event that is raised has a higher one.</param>
public sealed record RoomReset(string RoomId, string Epoch, long HeadSeq);

/// <summary>
/// A subscription goes on over a new connection, and what was missed of durable events has been raised. Ephemeral ones are gone: who shows presence asks
/// for it again.
/// </summary>
public sealed record RoomResumed(string RoomId);

/// <summary>A subscription ended without <see cref="ChatConnection.UnsubscribeAsync"/>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Reason"><c>left</c>, <c>removed</c>, <c>banned</c>, <c>deleted</c>, <c>private</c>, or the error code with which the server refused to resume it.</param>
public sealed record SubscriptionEnded(string RoomId, string Reason);

/// <summary>A page of <see cref="ChatConnection.GetPresenceAsync"/>.</summary>
/// <param name="Count">Members online.</param>
/// <param name="Users">The members of this page.</param>
/// <param name="HasMore">True when there are more after the last one.</param>
public sealed record PresencePage(int Count, IReadOnlyList<PresentUser> Users, bool HasMore);
