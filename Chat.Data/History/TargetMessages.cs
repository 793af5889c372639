using System.Text;
using Chat.Contracts;
using Chat.Data.Numbering;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Data.History;

/// <summary>
/// Finds the message that an edit, a deletion or a reaction is about. Redis knows recent ones, so that they can be changed while Postgres is away;
/// whether there is none is said only by Postgres.
/// </summary>
public sealed class TargetMessages(RoomNumbering numbering, HotStream hot, EventStore stored, MessageOverlay overlay)
{
    private const int RetryAfterMs = 1_000;
    // Of the hot stream, when neither Redis' memory of ids nor Postgres can say where a message is.
    private const int MaxSearched = 1_000;

    /// <summary>The message as it was sent; null when the room has no such message, or it was deleted. Throws <c>unavailable</c> when that cannot be told now.</summary>
    public async Task<ChatEvent?> FindAsync(string roomId, Guid eventId, CancellationToken cancellationToken)
    {
        try
        {
            var number = (await numbering.LookUpAsync(roomId, [eventId], cancellationToken))[0];
            var hotEvent = number is { Seq: var seq } ? await FindHotAsync(roomId, eventId, seq - 1, seq + 1, cancellationToken) : null;
            byte[]? body = null;
            if (hotEvent is null)
            {
                try
                {
                    body = await FindStoredAsync(roomId, eventId, cancellationToken);
                }
                catch (ChatException)
                {
                    hotEvent = await FindHotAsync(roomId, eventId, 0, long.MaxValue, cancellationToken);
                    if (hotEvent is null) throw;
                }
            }
            if (MessageChange.TryRead(hotEvent is { Event.Body: var bytes } ? bytes.Span : body) is not { EventType: EventTypes.ChatMessage } message) return null;
            return await overlay.IsDeletedAsync(roomId, eventId.ToString("D"), hotEvent?.Event.Seq, cancellationToken) ? null : message;
        }
        catch (Exception failure) when (failure is RedisException or RedisCommandException or TimeoutException or NumberingUnavailableException)
        {
            throw new ChatException(ErrorCodes.Unavailable, "The message cannot be looked up now.", RetryAfterMs);
        }
    }

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
