using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Realtime;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Realtime.Transport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Tests.Realtime;

/// <summary>Events to many members with sockets of their own, whose sends are made together.</summary>
[Collection(nameof(NodeCollection))]
public sealed class SharedSendTests : IDisposable
{
    private const int Members = 100;

    private readonly EventLoop _loop = new(NullLogger<EventLoop>.Instance);
    private readonly List<Subscription> _members = [];
    private readonly List<Socket> _clients = [];
    private readonly List<Socket> _servers = [];
    private Exception? _failure;

    public SharedSendTests(NodeFixture fixture)
    {
        Assert.NotNull(SendRing.OfThisThread); // without it the sends would be made one by one
        var room = new LocalRoom(NodeFixture.Name("room"), fixture.Node.Services.GetRequiredService<LocalRooms>());
        room.StartAt(0);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        for (var i = 0; i < Members; i++)
        {
            var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = (int)Until.Patience.TotalMilliseconds };
            client.Connect(listener.LocalEndpoint);
            var server = listener.AcceptSocket();
            server.Blocking = false;
            _clients.Add(client);
            _servers.Add(server);
            var user = new ConnectedUser($"u{i}", $"u{i}", null, false, null, DateTimeOffset.MaxValue);
            var subscription = new Subscription(new Connection(Guid.NewGuid(), user, new ConnectionOptions { MaxQueuedEvents = 1_000, MaxQueuedBytes = 16 << 20 }, TimeProvider.System), room);
            room.Join(subscription, accessVersion: 0);
            Assert.True(room.TryGoLive(subscription, 0, []));
            subscription.Connection.Attach(new Writer(_loop, (int)server.Handle, fixture.Node.Services.GetRequiredService<NodeMetrics>()));
            _members.Add(subscription);
        }
    }

    public void Dispose()
    {
        foreach (var member in _members) member.Connection.Detach();
        foreach (var socket in _clients.Concat(_servers)) socket.Dispose();
        _loop.Dispose();
    }

    [Fact]
    public void Each_member_gets_the_events_that_it_has_not_got()
    {
        var events = Events(1, 3, bytes: 100);
        _members[7].DeliverAfter = 2;
        _members[8].DeliverAfter = 3;
        Assert.Equal(3 * Members - 2 - 3, SharedSend.Send(_members, events, 0, Members, ref _failure));
        Assert.Null(_failure);
        for (var i = 0; i < Members; i++)
            if (i != 8) AssertReceives(i, events.WireFrom(i == 7 ? 2 : 0));
        Assert.Equal(0, _clients[8].Available);
        Assert.All(_members, member => Assert.Equal(3, member.DeliverAfter));
    }

    [Fact]
    public void Who_does_not_take_all_at_once_gets_the_rest_in_order_when_there_is_room()
    {
        var batches = Enumerable.Range(0, 8).Select(i => Events((64 * i) + 1, 64, bytes: 16_000)).ToArray(); // 8 MB for each
        foreach (var events in batches)
        {
            SharedSend.Send(_members, events, 0, 10, ref _failure);
            for (var i = 1; i < 10; i++) AssertReceives(i, events.WireFrom(0)); // all but the first
        }
        Assert.InRange(_clients[0].Available, 1, batches.Sum(events => events.WireLength) - 1);
        foreach (var events in batches) AssertReceives(0, events.WireFrom(0));
        Assert.Null(_failure);
    }

    [Fact]
    public async Task While_somebody_else_sends_to_a_member_the_others_are_served_and_it_is_afterwards()
    {
        var events = Events(1, 1, bytes: 100);
        var sending = new TaskCompletionSource();
        using var free = new ManualResetEventSlim();
        var other = Task.Factory.StartNew(() =>
        {
            lock (_members[5].Connection.Subscriptions)
            {
                sending.SetResult();
                free.Wait();
            }
        }, TaskCreationOptions.LongRunning);
        await sending.Task;
        Task<int> sent;
        try
        {
            sent = Task.Factory.StartNew(() => SharedSend.Send(_members, events, 0, 10, ref _failure), TaskCreationOptions.LongRunning);
            foreach (var i in Enumerable.Range(0, 10).Where(i => i != 5)) AssertReceives(i, events.WireFrom(0));
            // And nobody else is kept from those meanwhile.
            Assert.All(_members, member => Assert.True(member == _members[5] || member.Connection.TrySend("x"u8.ToArray())));
        }
        finally
        {
            free.Set();
        }
        Assert.Equal(10, await sent.WaitAsync(Until.Patience));
        AssertReceives(5, events.WireFrom(0));
        await other;
    }

    [Fact]
    public void One_whose_socket_is_broken_does_not_count_and_keeps_nothing_from_the_others()
    {
        var events = Events(1, 1, bytes: 100);
        _servers[3].Shutdown(SocketShutdown.Send);
        Assert.Equal(9, SharedSend.Send(_members, events, 0, 10, ref _failure));
        AssertReceives(2, events.WireFrom(0));
        AssertReceives(4, events.WireFrom(0));
    }

    [Fact]
    public void Sends_that_the_kernel_takes_at_once_allocate_nothing()
    {
        var rounds = Enumerable.Range(1, 30).Select(seq => Events(seq, 1, bytes: 100)).ToArray();
        for (var i = 0; i < 10; i++) SharedSend.Send(_members, rounds[i], 0, Members, ref _failure);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 10; i < rounds.Length; i++) SharedSend.Send(_members, rounds[i], 0, Members, ref _failure);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static EncodedEvents Events(int from, int count, int bytes) =>
        new([.. Enumerable.Range(from, count).Select(seq => new NumberedEvent(seq, 0, Encoding.ASCII.GetBytes($$"""{"n":{{seq}},"content":"{{new string('x', bytes)}}"}""")))]);

    private void AssertReceives(int member, ReadOnlySpan<byte> wire)
    {
        var received = new byte[wire.Length];
        for (var count = 0; count < received.Length;)
        {
            // In place of the loop, which would say when the socket can take more.
            if (_clients[member].Available == 0) _members[member].Connection.Flush();
            count += _clients[member].Receive(received.AsSpan(count));
        }
        Assert.True(wire.SequenceEqual(received), $"The bytes of member {member} are not those that were sent to it.");
    }

    private sealed class Writer(EventLoop loop, int fd, NodeMetrics metrics) : DirectSocket(loop, fd, metrics, TimeProvider.System)
    {
        public override void OnReady(uint events) { }
        public override void OnFailed() { }
    }
}
