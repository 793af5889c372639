using System.Collections.Concurrent;
using Chat.Client;
using Chat.Contracts;
using Chat.Tests.EndToEnd;

namespace Chat.Tests.Client;

/// <summary>A connection that writes down everything that it raises, in order.</summary>
internal sealed class ClientUnderTest : IAsyncDisposable
{
    public ClientUnderTest(ChatClientOptions options)
    {
        Connection = new ChatConnection(options);
        Connection.EventReceived += Events.Enqueue;
        Connection.StateChanged += States.Enqueue;
        Connection.RoomReset += Resets.Enqueue;
        Connection.RoomResumed += Resumed.Enqueue;
        Connection.SubscriptionEnded += Ended.Enqueue;
    }

    public ChatConnection Connection { get; }
    public ConcurrentQueue<ChatEvent> Events { get; } = new();
    public ConcurrentQueue<ConnectionState> States { get; } = new();
    public ConcurrentQueue<RoomReset> Resets { get; } = new();
    public ConcurrentQueue<RoomResumed> Resumed { get; } = new();
    public ConcurrentQueue<SubscriptionEnded> Ended { get; } = new();

    public IReadOnlyList<long> Seqs => [.. Events.Where(e => e.Seq is not null).Select(e => e.Seq!.Value)];

    /// <summary>A started connection and the server's end of it.</summary>
    public static async Task<(ClientUnderTest, ScriptedPeer)> ConnectAsync(ScriptedServer server, ChatClientOptions? options = null)
    {
        var client = new ClientUnderTest(options ?? server.Options());
        var starting = client.Connection.StartAsync();
        var peer = await server.AcceptAsync();
        await starting.Within("a connection");
        return (client, peer);
    }

    /// <summary>Subscribes to <c>lobby</c>, whose head is <paramref name="head"/>.</summary>
    public async Task SubscribeAsync(ScriptedPeer peer, long head, string epoch = "0")
    {
        var subscribing = Connection.SubscribeAsync("lobby");
        await peer.AckSubscribeAsync(await peer.ExpectAsync("subscribe"), head, epoch);
        await subscribing.Within("the subscription");
    }

    public Task ExpectSeqsAsync(params long[] expected) =>
        Await.UntilAsync(() => Seqs.SequenceEqual(expected), $"events {string.Join(',', expected)}");

    public Task ExpectClosedAsync(ClosedReason reason) =>
        Await.UntilAsync(() => Connection.State is { Status: ConnectionStatus.Closed } state && state.ClosedReason == reason, $"closed: {reason}");

    public ValueTask DisposeAsync() => Connection.DisposeAsync();
}
