using Chat.Contracts;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Chat.Data.History;

/// <summary>Where a stretch of a room's events was read from, which says where changes of its messages can be.</summary>
/// <param name="ReachesHead">It has every event from its first one up to the head.</param>
/// <param name="StartsHot">Its first event is in the hot stream, and so is all that came after it.</param>
public readonly record struct StretchOrigin(bool ReachesHead, bool StartsHot);

/// <summary>
/// Lays edits and deletions over events that are read again: a deleted message shows nothing of its content, nor do its edits, and an edited one shows the
/// newest. A stretch is never answered without the changes that it needs; they are looked for in the stretch itself, in the hot stream, then in Postgres.
/// </summary>
public sealed partial class MessageOverlay(HotChanges hot, StoredChanges stored, ILogger<MessageOverlay> logger)
{
    private const int RetryAfterMs = 1_000;

    // A quote inside a string is escaped, so this stands only where the field begins.
    private static ReadOnlySpan<byte> TargetField => "\"target_id\":\""u8;

    /// <summary>
    /// The events with their changes applied; with <paramref name="stateFor"/> messages also carry reactions and replies as that user sees them.
    /// Throws <c>unavailable</c> when the changes cannot be found now.
    /// </summary>
    public async Task<IReadOnlyList<NumberedEvent>> ApplyAsync(
        string roomId, IReadOnlyList<NumberedEvent> events, StretchOrigin origin, string? stateFor, CancellationToken cancellationToken)
    {
        // The page that is read most often: all of it is here, and nothing in it names a target.
        if (events.Count == 0 || (origin.ReachesHead && stateFor is null && !events.Any(e => e.Body.Span.IndexOf(TargetField) >= 0))) return events;
        var read = new ChatEvent?[events.Count];
        var (messages, editedElsewhere) = (new HashSet<string>(), new HashSet<string>());
        for (var i = 0; i < read.Length; i++)
        {
            read[i] = MessageChange.TryRead(events[i].Body.Span);
            if (read[i] is { EventType: EventTypes.ChatMessage, EventId: { } id }) messages.Add(id);
            // An edit that was accepted just before a deletion can stand behind it: its message decides, wherever that is.
            else if (read[i] is { EventType: EventTypes.MessageEdited, TargetId: { } target } && !messages.Contains(target)) editedElsewhere.Add(target);
        }
        if (messages.Count == 0 && editedElsewhere.Count == 0) return events;

        var near = origin switch
        {
            { ReachesHead: true } => new HotChangeList(true, [.. events.Zip(read, (numbered, e) => e is null ? null : MessageChange.Of(numbered.Seq, e)).OfType<MessageChange>()]),
            { StartsHot: true } => await FindHotAsync(roomId, events[0].Seq - 1, cancellationToken),
            _ => new HotChangeList(false, []),
        };
        var changes = new List<MessageChange>(near.Changes);
        if (!near.IsWhole) editedElsewhere.UnionWith(messages);
        if (editedElsewhere.Count > 0)
            changes.AddRange(await FindEverywhereAsync(roomId, editedElsewhere, hotWillDo: origin.ReachesHead || origin.StartsHot, stateFor is not null, cancellationToken));
        if (changes.Count == 0 && stateFor is null) return events;

        var byTarget = changes.DistinctBy(change => change.Seq).ToLookup(change => change.TargetId);
        return [.. events.Zip(read, (numbered, e) => e is null ? numbered : MessageState.Apply(numbered, e, byTarget, stateFor))];
    }

    /// <summary>Whether a message was deleted. <paramref name="hotAt"/> is its number when it is in the hot stream, where all its changes then are too.</summary>
    public async Task<bool> IsDeletedAsync(string roomId, string eventId, long? hotAt, CancellationToken cancellationToken)
    {
        var changes = hotAt is { } seq && await FindHotAsync(roomId, seq, cancellationToken) is { IsWhole: true } near
            ? near.Changes
            : await FindEverywhereAsync(roomId, [eventId], hotWillDo: hotAt is not null, withState: false, cancellationToken);
        return changes.Any(change => change.TargetId == eventId && change.Event.EventType == EventTypes.MessageDeleted);
    }

    private async Task<HotChangeList> FindHotAsync(string roomId, long afterSeq, CancellationToken cancellationToken)
    {
        try
        {
            return await hot.ReadAsync(roomId, afterSeq, cancellationToken);
        }
        catch (Exception failure) when (IsAway(failure))
        {
            throw new ChatException(ErrorCodes.Unavailable, "Edits and deletions cannot be reached now.", RetryAfterMs);
        }
    }

    private async Task<IReadOnlyList<MessageChange>> FindEverywhereAsync(
        string roomId, IReadOnlyCollection<string> targets, bool hotWillDo, bool withState, CancellationToken cancellationToken)
    {
        // The hot part first: what it has lost by then was persisted before, so Postgres asked afterwards has it.
        var tail = await FindTailAsync(roomId, cancellationToken);
        try
        {
            return [.. await stored.ReadAsync(roomId, targets, withState, cancellationToken), .. tail.Changes];
        }
        catch (ChatException) when (hotWillDo)
        {
            // The stretch is from the hot stream, and what changes a message comes after it; a deletion that an edit raced with stands close before the edit.
            return (await FindHotAsync(roomId, 0, cancellationToken)).Changes;
        }
    }

    private async Task<HotChangeList> FindTailAsync(string roomId, CancellationToken cancellationToken)
    {
        try
        {
            return await hot.ReadAsync(roomId, afterSeq: null, cancellationToken);
        }
        catch (Exception failure) when (IsAway(failure))
        {
            // As for pages: what is persisted can be read without Redis, only the newest events are missing.
            Log.StoredPartAlone(logger, roomId, failure.Message);
            return new HotChangeList(false, []);
        }
    }

    private static bool IsAway(Exception failure) => failure is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException;

    private static partial class Log
    {
        [LoggerMessage(2210, LogLevel.Debug, "Edits and deletions of room {RoomId} come from Postgres alone: {Reason}")]
        public static partial void StoredPartAlone(ILogger logger, string roomId, string reason);
    }
}
