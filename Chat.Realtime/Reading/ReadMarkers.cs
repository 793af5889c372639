using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Realtime.Reading;

/// <summary>
/// Read markers: they live in Redis, only move up unless <c>mark_unread</c> says otherwise, and are flushed to Postgres every second.
/// </summary>
public sealed class ReadMarkers
{
    private readonly ReadMarkerStore _store;
    private readonly OwnMarkers _own;
    private readonly UnreadCounter _unread;
    private readonly RoomHistory _history;
    private readonly LiveChannels _channels;
    private readonly TimeProvider _time;

    internal ReadMarkers(
        ReadMarkerStore store, OwnMarkers own, UnreadCounter unread, RoomHistory history, LiveChannels channels, TimeProvider time)
    {
        _store = store;
        _own = own;
        _unread = unread;
        _history = history;
        _channels = channels;
        _time = time;
    }

    /// <summary>
    /// Moves the marker, tells the user's own connections (<c>read</c>), and answers with the marker and what is unread after it. A seq above the
    /// head means the head. Throws <c>bad_request</c> for a negative one, <c>unavailable</c> when the marker cannot be read or written.
    /// </summary>
    public async Task<ReadReceipt> MarkAsync(ConnectedUser user, string roomId, long seq, bool markUnread, CancellationToken cancellationToken)
    {
        if (seq < 0) throw new ChatException(ErrorCodes.BadRequest, "seq cannot be negative.");
        try
        {
            var bounds = await _history.GetBoundsAsync(roomId, cancellationToken);
            var move = (await _store.MoveAsync([(user.UserId, roomId, Math.Min(seq, bounds.HeadSeq))], markUnread, cancellationToken))[0];
            if (move.Changed) await AnnounceAsync(user, roomId, move.Seq);
            var unread = await _unread.CountAsync(user.UserId, [(roomId, move.Seq)], cancellationToken);
            return new ReadReceipt(roomId, move.Seq, unread[0].Messages);
        }
        catch (Exception failure) when (IsPassing(failure))
        {
            throw new ChatException(ErrorCodes.Unavailable, "Read markers cannot be reached now.");
        }
    }

    /// <summary>Moves the marker up to one's own message; nothing is awaited or announced twice.</summary>
    public void MarkOwn(string userId, string roomId, long seq) => _own.Mark(userId, roomId, seq);

    /// <summary>Marker, unread chat messages and mentions of the user in each of the rooms, in their order.</summary>
    public async Task<IReadOnlyList<RoomMarker>> GetAsync(string userId, IReadOnlyList<string> roomIds, CancellationToken cancellationToken)
    {
        if (roomIds.Count == 0) return [];
        try
        {
            // What waits is asked first: then a marker that is written meanwhile is seen in either place.
            var waiting = roomIds.Select(room => _own.Waiting(userId, room)).ToList();
            var stored = await _store.GetAsync(userId, roomIds, cancellationToken);
            var rooms = roomIds.Select((room, i) => (RoomId: room, Marker: Math.Max(stored[i], waiting[i]))).ToList();
            var unread = await _unread.CountAsync(userId, rooms, cancellationToken);
            return rooms.Zip(unread, (room, count) => new RoomMarker(room.RoomId, room.Marker, count.Messages, count.Mentions)).ToList();
        }
        catch (Exception failure) when (IsPassing(failure))
        {
            throw new ChatException(ErrorCodes.Unavailable, "Read markers cannot be reached now.");
        }
    }

    internal static bool IsPassing(Exception failure) => failure is RedisException or NpgsqlException or TimeoutException or NumberingUnavailableException;

    private Task AnnounceAsync(ConnectedUser user, string roomId, long seq)
    {
        var now = _time.GetUtcNow();
        return _channels.PublishToUserAsync(user.UserId, JsonSerializer.SerializeToUtf8Bytes(new ChatEvent
        {
            EventType = EventTypes.Read,
            EventId = Contracts.EventId.New(now).ToString(),
            RoomId = roomId,
            SenderId = user.UserId,
            SenderName = user.Name,
            ReadSeq = seq,
            Timestamp = now,
        }, ChatJson.Wire.ChatEvent));
    }
}
