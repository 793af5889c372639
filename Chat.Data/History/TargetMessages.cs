using System.Text;
using Chat.Contracts;
using Chat.Data.Numbering;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Data.History;

/// <summary>
/// Finds the message that an edit, a deletion or a reaction is about. Redis knows recent ones, so that they can be changed while Postgres is away;
/// whether there is none is said only by Postgres, and only while Redis has certainly not lost what was on its way there.
/// </summary>
public sealed class TargetMessages(RoomNumbering numbering, HotStream hot, EventStore stored, MessageOverlay overlay, EpochStore epochs, OpenPartitions open)
{
    private const int RetryAfterMs = 1_000;
    // The first look finds that an epoch began, the second one is in it, unless yet another began meanwhile.
    private const int MaxLooks = 3;
    private static readonly TimeSpan ClosedPatience = TimeSpan.FromSeconds(3);
    // Of the hot stream, when neither Redis' memory of ids nor Postgres can say where a message is.
    private const int MaxSearched = 1_000;

    /// <summary>The message as it was sent; null when the room has no such message, or it was deleted. Throws <c>unavailable</c> when that cannot be told now.</summary>
    public async Task<ChatEvent?> FindAsync(string roomId, Guid eventId, CancellationToken cancellationToken)
    {
        try
        {
            for (var look = 1; look <= MaxLooks; look++)
            {
                var (epoch, isOpen) = (epochs.Known, open.Has(roomId));
                ChatEvent? message = null;
                if (await LookAsync(roomId, eventId, cancellationToken) is var (body, hotAt))
                {
                    if (MessageChange.TryRead(body.Span) is not { EventType: EventTypes.ChatMessage } found) return null;
                    if (await overlay.IsDeletedAsync(roomId, eventId.ToString("D"), hotAt, cancellationToken)) return null;
                    message = found;
                }
                // In an open partition of the epoch in force, every event of the log is in Redis or in Postgres: the message, and its deletion.
                if (await epochs.EnsureInForceAsync(roomId, cancellationToken) == epoch && isOpen) return message;
                if (!await open.WaitAsync(roomId, ClosedPatience, cancellationToken)) break;
            }
        }
        catch (Exception failure) when (failure is RedisException or RedisCommandException or TimeoutException or NumberingUnavailableException)
        {
            throw Unavailable();
        }
        throw Unavailable();
    }

    /// <summary>Bytes of the event, and its number when it is in the hot stream; null when it is in neither place.</summary>
    private async Task<(ReadOnlyMemory<byte> Body, long? HotAt)?> LookAsync(string roomId, Guid eventId, CancellationToken cancellationToken)
    {
        var number = (await numbering.LookUpAsync(roomId, [eventId], cancellationToken))[0];
        if (number is { Seq: var seq } && await FindHotAsync(roomId, eventId, seq - 1, seq + 1, cancellationToken) is { } hotEvent) return (hotEvent.Event.Body, hotEvent.Event.Seq);
        try
        {
            return await FindStoredAsync(roomId, eventId, cancellationToken) is { } body ? (body, null) : null;
        }
        catch (ChatException)
        {
            if (await FindHotAsync(roomId, eventId, 0, long.MaxValue, cancellationToken) is { } recent) return (recent.Event.Body, recent.Event.Seq);
            throw;
        }
    }

    private static ChatException Unavailable() => new(ErrorCodes.Unavailable, "The message cannot be looked up now.", RetryAfterMs);

    private async Task<HotEvent?> FindHotAsync(string roomId, Guid eventId, long afterSeq, long beforeSeq, CancellationToken cancellationToken)
    {
        var slice = await hot.ReadNewestAsync(roomId, afterSeq, beforeSeq, MaxSearched, cancellationToken);
        foreach (var candidate in slice.Events)
            if (candidate.EventId == eventId) return candidate;
        return null;
    }

    private Task<byte[]?> FindStoredAsync(string roomId, Guid eventId, CancellationToken cancellationToken) =>
        stored.AskAsync(async (connection, token) =>
        {
            await using var command = new NpgsqlCommand("SELECT body FROM events WHERE event_id = $1 AND room_id = $2", connection);
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = eventId });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = roomId });
            return await command.ExecuteScalarAsync(token) is string text ? Encoding.UTF8.GetBytes(text) : null;
        }, cancellationToken);
}
