using System.Globalization;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime.Access;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;
using Chat.Realtime.History;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Fanout;

/// <summary>
/// The <c>subscribe</c> command. The connection joins first and reads afterwards, so between the ack, which carries (since, position], and the
/// live events, which follow the position, nothing is missing and nothing comes twice. A connection that gets the room's events already (by an earlier subscription, or
/// a direct room's by the user's feed) and does not say what it has gets what it has not got yet, before the ack.
/// </summary>
internal sealed class RoomSubscriber(
    LocalRooms rooms, UserFeeds users, RoomAccess access, RoomAdmission admission, Newcomers newcomers, SharedHistory history, EpochStore epochs,
    IOptions<ConnectionOptions> options, TimeProvider time)
{
    // Each attempt reads a later head. A room whose events outrun five reads is too fast to be joined now.
    private const int MaxAttempts = 5;

    /// <summary>Subscribes and queues the ack. Throws <see cref="ChatException"/> with the code of the refusal.</summary>
    public async Task SubscribeAsync(Connection connection, Command command, CancellationToken cancellationToken)
    {
        var roomId = command.RoomId!;
        var copied = await access.AskCopyAsync(roomId, connection.User.UserId);
        await newcomers.JoinAsync(cancellationToken); // away from the event loop: what follows may take long
        var standing = await admission.JoinerAsync(roomId, connection.User, ValueTask.FromResult(copied), cancellationToken);
        if (connection.Subscriptions.Count >= options.Value.MaxSubscriptions && !connection.Subscriptions.Contains(roomId) && !rooms.EndMuted(connection))
            throw new ChatException(ErrorCodes.Conflict, $"A connection can be subscribed to {options.Value.MaxSubscriptions} rooms at most.");

        var room = rooms.Hold(roomId);
        try
        {
            await room.ListenAsync();
        }
        catch
        {
            rooms.Release(room);
            throw;
        }
        var subscription = new Subscription(connection, room);
        var replaced = room.Join(subscription, standing.AccessVersion);
        if (replaced is not null) rooms.Release(room);
        try
        {
            await GoLiveAsync(subscription, ServedUpTo(subscription, replaced), command, cancellationToken);
        }
        catch
        {
            // An earlier subscription of the room is not lost by a repeat that failed.
            if (replaced is null || !room.TryContinue(subscription, replaced))
            {
                if (room.Leave(subscription)) rooms.Release(room);
                if (subscription.PassedOverFrom is not null) connection.Close(CloseCodes.ServiceRestart, "direct messages may have been missed");
            }
            throw;
        }
    }

    // Null when the room's events did not reach the connection before, or nobody knows how far.
    private long? ServedUpTo(Subscription subscription, Subscription? replaced) =>
        replaced is not null ? replaced.IsLive ? replaced.DeliverAfter : null
        : RoomIds.IsDirect(subscription.Room.RoomId) ? users.ServedUpTo(subscription) : null;

    private async Task GoLiveAsync(Subscription subscription, long? servedUpTo, Command command, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var (bounds, events) = await ReadAsync(command.RoomId!, command.SinceSeq ?? servedUpTo, isSaid: command.SinceSeq is not null, cancellationToken);
            subscription.Room.StartAt(bounds.HeadSeq);
            // Read after the events: whoever lost access before the newest of them does not get them.
            await admission.MemberAsync(command.RoomId!, subscription.Connection.User, cancellationToken);
            // Encoded outside the room's lock: a thousand events take a while.
            if (subscription.Room.TryGoLive(subscription, bounds.HeadSeq, [.. OpeningOf(command, bounds, events)])) return;
        }
        throw new ChatException(ErrorCodes.Unavailable, "The room cannot be joined now.", retryAfterMs: 1_000);
    }

    private IEnumerable<ReadOnlyMemory<byte>> OpeningOf(Command command, RoomBounds bounds, IReadOnlyList<NumberedEvent>? events)
    {
        if (command.SinceSeq is { } since)
        {
            var sameEpoch = command.Epoch is null || command.Epoch == bounds.Epoch.ToString(CultureInfo.InvariantCulture);
            var recovered = sameEpoch && since <= bounds.HeadSeq ? events : null;
            // Who wants no ack gets the events as they would have come live.
            return command.Id.IsEmpty ? Live(recovered ?? []) : [Replies.Subscribed(command.Id, command.RoomId!, bounds, recovered)];
        }
        var missed = events is null ? [Envelopes.Resync(command.RoomId!, bounds.Epoch, bounds.HeadSeq, time.GetUtcNow())] : Live(events);
        return command.Id.IsEmpty ? missed : missed.Append(Replies.Subscribed(command.Id, command.RoomId!, bounds, []));
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Live(IReadOnlyList<NumberedEvent> events) =>
        events.Select(numbered => (ReadOnlyMemory<byte>)numbered.ToDelivered());

    // Null events: they cannot be had, who follows the room from there on reloads.
    private async Task<(RoomBounds Bounds, IReadOnlyList<NumberedEvent>? Events)> ReadAsync(
        string roomId, long? after, bool isSaid, CancellationToken cancellationToken)
    {
        if (after is not { } since) return (await history.GetBoundsAsync(roomId, cancellationToken), []);
        var (bounds, events) = await history.ReadMissedAsync(roomId, since, cancellationToken);
        // A direct room whose head the user's feed did not know is new, or Redis has lost the heads; then what the room has is of an older epoch and was not missed.
        return !isSaid && since == 0 && bounds.Epoch < epochs.Known ? (bounds, []) : (bounds, events);
    }
}
