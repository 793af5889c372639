using Chat.Contracts.Api;

namespace Chat.Realtime.Reading;

/// <summary>
/// Read markers: they live in Redis, only move up unless <c>mark_unread</c> says otherwise, and are flushed to Postgres every second.
/// </summary>
public sealed class ReadMarkers
{
    /// <summary>Moves the marker, tells the user's own connections (<c>read</c>), and answers with the marker and what is unread after it.</summary>
    public Task<ReadReceipt> MarkAsync(string userId, string roomId, long seq, bool markUnread, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Moves the marker up to one's own message; nothing is awaited or announced twice.</summary>
    public void MarkOwn(string userId, string roomId, long seq) => throw new NotImplementedException();

    /// <summary>Marker and unread chat messages (exact to 999) of the user in each of the rooms, in their order.</summary>
    public Task<IReadOnlyList<ReadReceipt>> GetAsync(string userId, IReadOnlyList<string> roomIds, CancellationToken cancellationToken) => throw new NotImplementedException();
}
