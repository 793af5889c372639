namespace Chat.Realtime.Fanout;

/// <summary>Publishes what is delivered live or not at all. Envelopes are encoded JSON without seq.</summary>
public sealed class LiveChannels
{
    /// <summary>To the connections, on every node, that are subscribed to the room.</summary>
    public Task PublishToRoomAsync(string roomId, ReadOnlyMemory<byte> envelope) => throw new NotImplementedException();

    /// <summary>To all connections of a user, on every node. An <c>unsubscribed</c> envelope also ends their subscriptions of its room.</summary>
    public Task PublishToUserAsync(string userId, ReadOnlyMemory<byte> envelope) => throw new NotImplementedException();
}
