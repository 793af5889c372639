using System.Globalization;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Fanout;

/// <summary>
/// The <c>subscribe</c> command. The connection joins first and reads afterwards, so between the ack, which carries (since, position], and the
/// live events, which follow the position, nothing is missing and nothing comes twice.
/// </summary>
internal sealed class RoomSubscriber(LocalRooms rooms, RoomAdmission admission, RoomHistory history, MessageOverlay overlay, IOptions<ConnectionOptions> options)
{
    // Each attempt reads a later head. A room whose events outrun five reads is too fast to be joined now.
    private const int MaxAttempts = 5;

    /// <summary>Subscribes and queues the ack. Throws <see cref="ChatException"/> with the code of the refusal.</summary>
    public async Task SubscribeAsync(Connection connection, Command command, CancellationToken cancellationToken)
    {
        var roomId = command.RoomId!;
        var standing = await admission.JoinerAsync(roomId, connection.User, cancellationToken);
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
            await GoLiveAsync(subscription, command, cancellationToken);
        }
        catch
        {
            // An earlier subscription of the room is not lost by a repeat that failed.
            if (replaced is null || !room.TryContinue(subscription, replaced))
            {
                if (room.Leave(subscription)) rooms.Release(room);
                if (subscription.HasPassedOver) connection.Close(CloseCodes.ServiceRestart, "direct messages may have been missed");
            }
            throw;
        }
    }

    private async Task GoLiveAsync(Subscription subscription, Command command, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var (bounds, events) = await ReadAsync(command, cancellationToken);
            subscription.Room.StartAt(bounds.HeadSeq);
            // Read after the events: whoever lost access before the newest of them does not get them.
            await admission.MemberAsync(command.RoomId!, subscription.Connection.User, cancellationToken);
            // Encoded outside the room's lock: a thousand events take a while. Who wants no ack gets the events as they would have come live.
            IReadOnlyList<ReadOnlyMemory<byte>> opening = command.Id.IsEmpty
                ? [.. (events ?? []).Select(numbered => (ReadOnlyMemory<byte>)numbered.ToDelivered())]
                : [Replies.Subscribed(command.Id, command.RoomId!, bounds, events)];
            if (subscription.Room.TryGoLive(subscription, bounds.HeadSeq, opening)) return;
        }
        throw new ChatException(ErrorCodes.Unavailable, "The room cannot be joined now.", retryAfterMs: 1_000);
    }

    // Null events: what the client knows cannot be continued, it reloads.
    private async Task<(RoomBounds Bounds, IReadOnlyList<NumberedEvent>? Events)> ReadAsync(Command command, CancellationToken cancellationToken)
    {
        if (command.SinceSeq is not { } since) return (await history.GetBoundsAsync(command.RoomId!, cancellationToken), []);
        var (bounds, events) = await history.ReadAfterAsync(command.RoomId!, since, ProtocolLimits.MaxRecoveredEvents, cancellationToken);
        var sameEpoch = command.Epoch is null || command.Epoch == bounds.Epoch.ToString(CultureInfo.InvariantCulture);
        if (events is null || !sameEpoch || since > bounds.HeadSeq) return (bounds, null);
        // Read again, not live: what was deleted meanwhile is not shown any more.
        return (bounds, await overlay.ApplyAsync(command.RoomId!, events, new StretchOrigin(ReachesHead: true, StartsHot: false), stateFor: null, cancellationToken));
    }
}
