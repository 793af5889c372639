using System.Collections.Concurrent;
using Chat.Client;
using Chat.Contracts;

namespace Chat.Tests.EndToEnd;

/// <summary>A connection that writes down what it is told.</summary>
internal sealed class Device : IAsyncDisposable
{
    public Device(ChatClientOptions options)
    {
        Connection = new ChatConnection(options);
        Connection.EventReceived += Events.Enqueue;
        Connection.RoomReset += Resets.Enqueue;
        Connection.SubscriptionEnded += Ended.Enqueue;
    }

    public ChatConnection Connection { get; }
    public ConcurrentQueue<ChatEvent> Events { get; } = new();
    public ConcurrentQueue<RoomReset> Resets { get; } = new();
    public ConcurrentQueue<SubscriptionEnded> Ended { get; } = new();

    public string NodeId => Connection.Welcome!.NodeId!;

    /// <summary>The durable events of a room, in the order in which they were raised.</summary>
    public IReadOnlyList<ChatEvent> Durable(string roomId) => [.. Events.Where(e => e.RoomId == roomId && e.Seq is not null)];

    /// <summary>The messages of a room, in the order in which they were raised.</summary>
    public IReadOnlyList<ChatEvent> Messages(string roomId) => [.. Durable(roomId).Where(e => e.EventType == EventTypes.ChatMessage)];

    /// <summary>The first event that fits, already told or still to come.</summary>
    public async Task<ChatEvent> ExpectAsync(Func<ChatEvent, bool> condition, string expected)
    {
        await Await.UntilAsync(() => Events.Any(condition), expected);
        return Events.First(condition);
    }

    public Task ExpectMessagesAsync(string roomId, int count) =>
        Await.UntilAsync(() => Messages(roomId).Count >= count, () => $"{count} messages (there are {Messages(roomId).Count})");

    public ValueTask DisposeAsync() => Connection.DisposeAsync();
}
