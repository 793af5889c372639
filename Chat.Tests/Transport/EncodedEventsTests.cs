using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.Contracts;
using Chat.Realtime;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Realtime.Transport;
using Chat.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Tests.Transport;

/// <summary>Events are encoded once, and their bytes go to every member as they are.</summary>
[Collection(nameof(NodeCollection))]
public sealed class EncodedEventsTests(NodeFixture fixture)
{
    [Theory]
    [InlineData(10)]
    [InlineData(60)]
    [InlineData(126)]
    [InlineData(40_000)]
    [InlineData(65_500)]
    [InlineData(70_000)]
    public void The_wire_is_one_frame_after_the_other_and_each_payload_is_the_delivered_envelope(int padding)
    {
        var numbered = Enumerable.Range(7, 3).Select(seq => Event(seq, padding)).ToArray();
        var events = new EncodedEvents(numbered);
        var wire = events.WireFrom(0).ToArray();
        var at = 0;
        for (var i = 0; i < numbered.Length; i++)
        {
            var delivered = numbered[i].ToDelivered();
            Assert.Equal(delivered, events.PayloadOf(i).ToArray());
            Assert.Equal(wire[at..], events.WireFrom(i).ToArray());
            var frame = new OutgoingFrame(delivered, FrameKind.Event, 0);
            Assert.Equal(WireFrames.LengthOf(frame), events.WireLengthOf(i));
            var expected = new byte[WireFrames.LengthOf(frame)];
            Assert.Equal(expected.Length, WireFrames.Copy(frame, 0, expected));
            Assert.Equal(expected, wire[at..(at + expected.Length)]);
            at += expected.Length;
        }
        Assert.Equal(wire.Length, at);
        Assert.Equal((0, 1, 3, 9), (events.FirstAfter(6), events.FirstAfter(7), events.FirstAfter(9), events.LastSeq));
    }

    [Fact]
    public void A_frame_is_the_same_in_whatever_pieces_it_is_copied()
    {
        var frame = new OutgoingFrame(Encoding.ASCII.GetBytes(new string('a', 130) + "end"), FrameKind.Reply, 0);
        var whole = new byte[WireFrames.LengthOf(frame)];
        WireFrames.Copy(frame, 0, whole);
        for (var size = 1; size <= whole.Length; size++)
        {
            var pieces = new List<byte>();
            var piece = new byte[size];
            while (pieces.Count < whole.Length) pieces.AddRange(piece[..WireFrames.Copy(frame, pieces.Count, piece)]);
            Assert.Equal(whole, pieces);
        }
    }

    [Fact]
    public async Task A_delivery_that_the_kernel_takes_at_once_allocates_nothing()
    {
        using var loop = new EventLoop(NullLogger<EventLoop>.Instance);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var server = await listener.AcceptSocketAsync();
        var connection = new Connection(Guid.NewGuid(), new ConnectedUser("ann", "ann", null, false, null, DateTimeOffset.MaxValue));
        connection.Attach(new Writer(loop, (int)server.Handle, fixture.Node.Services.GetRequiredService<NodeMetrics>()));
        var events = new EncodedEvents(Event(1, 200), Event(2, 200));
        for (var i = 0; i < 20; i++) Assert.Equal(2, connection.TrySend(events));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) connection.TrySend(events);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        var received = new byte[120 * events.WireLength];
        await client.GetStream().ReadExactlyAsync(received).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        for (var i = 0; i < 120; i++) Assert.True(events.WireFrom(0).SequenceEqual(received.AsSpan(i * events.WireLength, events.WireLength)));
        connection.Detach();
    }

    private static NumberedEvent Event(long seq, int padding) =>
        new(seq, 0, Encoding.ASCII.GetBytes($"{{\"event_type\":\"chat_message\",\"timestamp\":\"2026-11-24T09:31:07.123Z\",\"content\":\"{new string('x', padding)}\"}}"));

    private sealed class Writer(EventLoop loop, int fd, NodeMetrics metrics) : DirectSocket(loop, fd, metrics, TimeProvider.System)
    {
        public override void OnReady(uint events) { }
        public override void OnFailed() { }
    }
}
