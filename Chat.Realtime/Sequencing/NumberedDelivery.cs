using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Realtime.Fanout;
using Chat.Realtime.Publishing;
using StackExchange.Redis;

namespace Chat.Realtime.Sequencing;

/// <summary>
/// What follows a numbering call: the local members get the events at once (its reply is as good as the channel's message), the two users of a direct
/// room are told on their own channels, and the senders get their acks.
/// </summary>
internal sealed partial class NumberedDelivery(LocalRooms rooms, UserFeeds users, DirectFanout direct, ILogger<NumberedDelivery> logger)
{
    /// <summary><paramref name="numbers"/> answer <paramref name="batch"/> one by one.</summary>
    public void Deliver(string roomId, IReadOnlyList<Publication> batch, IReadOnlyList<EventNumber> numbers)
    {
        // A known id got its number earlier, and perhaps with another content: what was published then counts.
        var frames = new List<RoomFrame>(batch.Count);
        for (var i = 0; i < batch.Count; i++)
            if (!numbers[i].Known) frames.Add(new RoomFrame(new NumberedEvent(numbers[i].Seq, numbers[i].Epoch, batch[i].Body), batch[i].Outgoing.AccessVersion));
        if (frames.Count > 0)
        {
            rooms.Offer(roomId, frames);
            if (batch[0].Outgoing.Participants is { } participants)
            {
                foreach (var user in participants.Distinct()) users.Offer(user, roomId, frames);
                _ = TellAsync(roomId, participants, frames); // observed in itself; the ack does not wait for it, the persister repeats it
            }
        }
        for (var i = 0; i < batch.Count; i++) batch[i].Numbered(numbers[i]);
    }

    private async Task TellAsync(string roomId, IReadOnlyList<string> participants, List<RoomFrame> frames)
    {
        try
        {
            await direct.TellAsync(roomId, participants, frames);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            Log.NotTold(logger, roomId, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1072, LogLevel.Warning, "Direct room {RoomId}: its users were not told, the persister repeats it: {Reason}")]
        public static partial void NotTold(ILogger logger, string roomId, string reason);
    }
}
