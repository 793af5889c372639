using Chat.Contracts;
using Chat.Data.History;

namespace Chat.Realtime.History;

/// <summary>
/// The history of rooms for members who ask at the same time: after a restart of a node or of Redis all members of a room ask for the same stretch of it.
/// </summary>
internal sealed class SharedHistory
{
    private readonly RoomHistory _history;
    private readonly EqualReads<(string RoomId, long? Before, long? After, int Limit), HistorySlice> _pages;
    private readonly EqualReads<string, RoomBounds> _bounds;
    private readonly EqualReads<(string RoomId, long Since), (RoomBounds, IReadOnlyList<NumberedEvent>?)> _missed;

    public SharedHistory(RoomHistory history, MessageOverlay overlay)
    {
        _history = history;
        _pages = new(page => history.ReadPageAsync(page.RoomId, page.Before, page.After, page.Limit, CancellationToken.None));
        _bounds = new(roomId => history.GetBoundsAsync(roomId, CancellationToken.None));
        _missed = new(async asked =>
        {
            var (bounds, events) = await history.ReadAfterAsync(asked.RoomId, asked.Since, ProtocolLimits.MaxRecoveredEvents, CancellationToken.None);
            // Read again, not live: what was deleted meanwhile is not shown any more.
            return (bounds, events is null ? null : await overlay.ApplyAsync(
                asked.RoomId, events, new StretchOrigin(ReachesHead: true, StartsHot: false), stateFor: null, CancellationToken.None));
        });
    }

    /// <summary>As <see cref="RoomHistory.ReadPageAsync(string, long?, long?, int, string?, CancellationToken)"/>. What a user's own state is part of is read for that user.</summary>
    public Task<HistorySlice> ReadPageAsync(string roomId, long? beforeSeq, long? afterSeq, int limit, string? stateFor, CancellationToken cancellationToken) =>
        stateFor is null
            ? _pages.AskAsync((roomId, beforeSeq, afterSeq, limit), cancellationToken)
            : _history.ReadPageAsync(roomId, beforeSeq, afterSeq, limit, stateFor, cancellationToken);

    /// <summary>As <see cref="RoomHistory.GetBoundsAsync(string, CancellationToken)"/>.</summary>
    public Task<RoomBounds> GetBoundsAsync(string roomId, CancellationToken cancellationToken) => _bounds.AskAsync(roomId, cancellationToken);

    /// <summary>What a member who has everything up to <paramref name="since"/> has missed, edits and deletions applied; null events when there are too many or a new epoch lies between.</summary>
    public Task<(RoomBounds Bounds, IReadOnlyList<NumberedEvent>? Events)> ReadMissedAsync(string roomId, long since, CancellationToken cancellationToken) =>
        _missed.AskAsync((roomId, since), cancellationToken);
}
