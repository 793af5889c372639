using Chat.Contracts;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Realtime.History;
using StackExchange.Redis;

namespace Chat.Realtime.Api;

/// <summary>
/// Waits for an event of a room, for clients without a WebSocket. A waiting request follows the room's fan-out on this node, as a subscriber would: it is
/// woken by the event itself, and what the channel loses is found as for everybody else. Only so many wait at once, and nobody on a node that stops: others
/// are answered at once.
/// </summary>
internal sealed class LongPoll(LocalRooms rooms, SharedHistory history, TimeProvider time, DrainState drain)
{
    private const int MaxWaiting = 2_000;
    private const int RetryAfterMs = 1_000;

    private int _waiting;

    /// <summary>Returns as soon as the room's head is above <paramref name="afterSeq"/>, or after <paramref name="longest"/>.</summary>
    public async Task WaitAsync(string roomId, long afterSeq, TimeSpan longest, CancellationToken cancellationToken)
    {
        try
        {
            if (Interlocked.Increment(ref _waiting) <= MaxWaiting) await FollowAsync(roomId, afterSeq, longest, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private async Task FollowAsync(string roomId, long afterSeq, TimeSpan longest, CancellationToken cancellationToken)
    {
        var room = rooms.Hold(roomId);
        var woken = room.Await(afterSeq);
        try
        {
            await room.ListenAsync().WaitAsync(cancellationToken);
            // Read after listening began: an event is in what was read, or wakes the waiter, or both.
            var head = (await history.GetBoundsAsync(roomId, cancellationToken)).HeadSeq;
            if (head > afterSeq) return;
            room.StartAt(head);
            await WaitAsync(woken.Task, longest, cancellationToken);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new ChatException(ErrorCodes.Unavailable, "The room cannot be followed now.", RetryAfterMs);
        }
        finally
        {
            room.Forget(woken);
            rooms.Release(room);
        }
    }

    private async Task WaitAsync(Task woken, TimeSpan longest, CancellationToken cancellationToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, drain.Draining);
        await woken.WaitAsync(longest, time, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // nothing newer came, or the node stops
        cancellationToken.ThrowIfCancellationRequested();
    }
}
