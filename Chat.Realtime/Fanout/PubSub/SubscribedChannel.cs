namespace Chat.Realtime.Fanout.PubSub;

/// <summary>A channel that somebody listens to, on the link that brings it. Everything in it belongs to its <see cref="SubscriberLane"/>.</summary>
internal sealed class SubscribedChannel(SubscriberLane lane, string name)
{
    public SubscriberLane Lane { get; } = lane;

    public string Name { get; } = name;

    /// <summary>The listeners, the newest first. Read without a lock while a message is handed on: one that leaves keeps its way to the next.</summary>
    public volatile ChannelSubscription? First;

    /// <summary>Null while it is not known which server has the channel.</summary>
    public SubscriberLink? Link;

    /// <summary>The server has confirmed the subscription.</summary>
    public bool IsConfirmed;

    /// <summary>What waits for the confirmation; null when nobody does.</summary>
    public TaskCompletionSource? Confirmation;

    /// <summary>What was lost with the channel and is not restored yet.</summary>
    public Loss? Loss;
}

/// <summary>Channels that were lost together; what was published meanwhile can be looked for when none of them is missing any more.</summary>
internal sealed class Loss
{
    public int Missing;
}

/// <summary>Takes the messages of a channel for a listener. It is one of few for all listeners: a delegate of its own would cost each channel more than all else of it.</summary>
internal delegate void ChannelHandler(object listener, ReadOnlyMemory<byte> message);

/// <summary>One listener of a channel: kept for as long as it wants messages.</summary>
internal sealed class ChannelSubscription(SubscribedChannel channel, object listener, ChannelHandler handler)
{
    public SubscribedChannel Channel { get; } = channel;

    public void Take(ReadOnlyMemory<byte> message) => handler(listener, message);

    public volatile ChannelSubscription? Next;

    /// <summary>Ends it. A message that is just being handed on may still arrive.</summary>
    public void Unsubscribe() => Channel.Lane.Unsubscribe(this);
}
