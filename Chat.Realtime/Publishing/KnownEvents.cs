using Chat.Contracts;
using Chat.Data;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime.Access;
using EventId = Chat.Contracts.EventId;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Answers whether a client_id was sent before. Redis knows what is recent; where it cannot know (a UUIDv7 older than its memory or from the
/// future, anything while an epoch is younger than a day), what was given before the epoch or Postgres is asked.
/// </summary>
internal sealed class KnownEvents(RoomNumbering numbering, EarlierIds earlier, EventStore stored, EpochStore epochs, TimeProvider time)
{
    private enum Reach
    {
        /// <summary>Redis knows whatever was sent before.</summary>
        All,
        /// <summary>Redis knows what was sent in this epoch.</summary>
        ThisEpoch,
        /// <summary>Redis may have forgotten it.</summary>
        Unknown,
    }

    // Redis keeps the id of a UUIDv7 for an hour after it is persisted; half of that leaves room for clocks that differ.
    private static readonly TimeSpan Version7Memory = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Version7Ahead = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan EpochMargin = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan OtherMemory = TimeSpan.FromHours(24);

    /// <summary>The id that a send has today, and those that a first send on a neighbouring day would have got.</summary>
    public static (Guid Id, IReadOnlyList<Guid> Others) IdsOf(string senderId, string roomId, string clientId, DateTimeOffset now)
    {
        var day = DateOnly.FromDateTime(now.UtcDateTime);
        var id = EventId.Derive(senderId, roomId, clientId, day);
        return EventId.IsVersion7(clientId, out _)
            ? (id, [])
            : (id, [EventId.Derive(senderId, roomId, clientId, day.AddDays(-1)), EventId.Derive(senderId, roomId, clientId, day.AddDays(1))]);
    }

    /// <summary>The number of the first send, if there was one. Throws what says that it cannot be told now.</summary>
    public async Task<EventNumber?> FindAsync(string roomId, string clientId, Guid id, IReadOnlyList<Guid> others, CancellationToken cancellationToken)
    {
        Guid[] ids = [id, .. others];
        EventNumber? recent = null;
        foreach (var known in await numbering.LookUpAsync(roomId, ids, cancellationToken))
            if (known is { } found && !(recent?.Epoch >= found.Epoch)) recent = found;
        // A number of an older epoch may come from an older copy of Redis' data: Postgres knows better, when it knows the event.
        var isSure = recent is { } number ? number.Epoch >= epochs.Known : await ReachAsync(clientId, cancellationToken) switch
        {
            Reach.All => true,
            Reach.ThisEpoch => await earlier.ExcludeAsync(roomId, ids, cancellationToken),
            _ => false,
        };
        if (isSure) return recent;
        try
        {
            var persisted = await stored.FindTogetherAsync(ids, cancellationToken);
            foreach (var candidate in ids)
                if (persisted.TryGetValue(candidate, out var first)) return first;
        }
        catch (ChatException) when (recent is not null)
        {
            // Postgres is away: the ack that was given then still names the event.
        }
        return recent;
    }

    private async ValueTask<Reach> ReachAsync(string clientId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var isVersion7 = EventId.IsVersion7(clientId, out var made);
        if (isVersion7 && (made < now - Version7Memory || made > now + Version7Ahead)) return Reach.Unknown;
        var epoch = await epochs.GetAsync(cancellationToken);
        // An id that was made after the epoch began, clocks allowed for, cannot have been forgotten by what came before it.
        if (isVersion7 && made > epoch.StartedAt + EpochMargin) return Reach.All;
        return MayBeOlderThan(epoch, now) ? Reach.ThisEpoch : Reach.All;
    }

    /// <summary>Whether a send may be the repeat of one that was made before the epoch, and that Redis may have forgotten.</summary>
    public static bool MayBeOlderThan(NumberingEpoch epoch, DateTimeOffset now) => epoch.Number > 0 && epoch.StartedAt > now - OtherMemory;
}
