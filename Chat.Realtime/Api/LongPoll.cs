using Chat.Data.History;

namespace Chat.Realtime.Api;

/// <summary>
/// Waits for an event of a room, for clients without a WebSocket. It asks for the room's head a few times a second: one small read of Redis each,
/// which costs a node less than a subscription of its own per waiting request. Only so many wait at once; others are answered at once.
/// </summary>
internal sealed class LongPoll(RoomHistory history, TimeProvider time)
{
    private const int MaxWaiting = 2_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private int _waiting;

    /// <summary>Returns as soon as the room's head is above <paramref name="afterSeq"/>, or after <paramref name="longest"/>.</summary>
    public async Task WaitAsync(string roomId, long afterSeq, TimeSpan longest, CancellationToken cancellationToken)
    {
        var until = time.GetUtcNow() + longest;
        try
        {
            if (Interlocked.Increment(ref _waiting) > MaxWaiting) return;
            while ((await history.GetBoundsAsync(roomId, cancellationToken)).HeadSeq <= afterSeq)
            {
                var left = until - time.GetUtcNow();
                if (left <= TimeSpan.Zero) return;
                await Task.Delay(left < Interval ? left : Interval, time, cancellationToken);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }
}
