using Chat.Contracts;
using Chat.Data.History;

namespace Chat.Realtime.Fanout;

/// <summary>Follows one direct room for one user of this node, over the user's own channel. Its two members never change.</summary>
internal sealed class DirectRoom(
    UserFeed feed, string roomId, RoomHistory history, NodeMetrics metrics, TimeProvider time, ILogger<UserFeed> logger, CancellationToken stopping)
    : RoomFollower(roomId, history, metrics, time, logger, stopping)
{
    /// <summary>As <see cref="UserFeed.ServedUpTo"/>.</summary>
    public long? ServedUpTo(Subscription subscription)
    {
        // Messages are handed out, or left to the subscription, under this lock too: there is none between the two answers.
        lock (Gate) return subscription.PassedOverFrom - 1 ?? Position;
    }

    protected override void Deliver(in NumberedEvent numbered) =>
        feed.Deliver(RoomId, new EncodedEvents(numbered));

    protected override void Resync(int epoch, long headSeq) => feed.Resync(RoomId, Envelopes.Resync(RoomId, epoch, headSeq, Time.GetUtcNow()));

    protected override Task RecheckAsync(CancellationToken cancellationToken)
    {
        lock (Gate) AccessVersion = long.MaxValue;
        return Task.CompletedTask;
    }
}
