using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Realtime;

[Collection(nameof(NodeCollection))]
public class FlowTests(NodeFixture fixture)
{
    [Fact]
    public async Task A_client_that_does_not_read_is_closed_with_4408_and_the_others_do_not_notice()
    {
        await using var node = await TestNode.StartAsync(
            await fixture.BackingAsync(), ("Chat:Connections:MaxQueuedBytes", "65536"));
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        var roomId = NodeFixture.Name("room");
        using (var http = node.Http(ann))
        using (await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = roomId, kind = "public" }))) { }
        await using var fast = await node.ConnectAsync(ann);
        await using var slow = await node.ConnectAsync(bob);
        await slow.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await fast.AskAsync(new { event_type = "subscribe", room_id = roomId });

        var content = new string('x', 20_000);
        var counter = (Func<long>)(() => node.Services.GetService(typeof(ConnectionRegistry)) is ConnectionRegistry registry
            ? registry.OfUser(bob).Count(connection => !connection.IsClosing) : 0);
        var sent = 0;
        for (; sent < 2_000 && counter() == 1; sent++)
        {
            var ack = await fast.AskAsync(new { event_type = "chat_message", room_id = roomId, content });
            Assert.Equal("ack", ack.GetProperty("event_type").GetString());
            await fast.NextAsync("chat_message");
        }
        Assert.InRange(sent, 3, 1_999);
        Assert.Equal(4408, await slow.CloseCodeAsync());
        await fast.AskAsync(new { event_type = "ping" });
    }

    [Fact]
    public void A_queue_over_its_bound_closes_and_forgets_what_waited()
    {
        var user = new ConnectedUser("ann", "ann", null, false, null, DateTimeOffset.MaxValue);
        var connection = new Connection(Guid.NewGuid(), user, new ConnectionOptions { MaxQueuedEvents = 3 });
        for (var i = 0; i < 3; i++) Assert.True(connection.TrySend(new byte[10]));
        Assert.False(connection.TrySend(new byte[10]));
        Assert.Equal(CloseCodes.SlowConsumer, connection.ClosedWith!.Value.Code);
        Assert.True(connection.TryTake(out var frame));
        Assert.Equal(FrameKind.Close, frame.Kind);
        Assert.False(connection.TryTake(out _));
        Assert.False(connection.TrySend(new byte[1]));
    }

    [Theory]
    [InlineData(CloseCodes.SlowConsumer, 30)]
    [InlineData(CloseCodes.GoingAway, 5)]
    public void Who_read_too_slowly_has_half_a_minute_to_take_the_close_and_others_have_five_seconds(int code, int seconds)
    {
        var time = new FakeTimeProvider();
        var connection = new Connection(Guid.NewGuid(), new ConnectedUser("ann", "ann", null, false, null, DateTimeOffset.MaxValue), new ConnectionOptions(), time);
        var cut = false;
        connection.Attach(new NoWriter(), () => cut = true);
        connection.Close(code, "");
        time.Advance(TimeSpan.FromSeconds(seconds));
        connection.Tick(time.GetUtcNow());
        Assert.False(cut);
        time.Advance(TimeSpan.FromSeconds(1));
        connection.Tick(time.GetUtcNow());
        Assert.True(cut);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_quiet_peer_is_pinged_where_the_transport_writes_control_frames(bool writesControlFrames)
    {
        var time = new FakeTimeProvider();
        var connection = new Connection(Guid.NewGuid(), new ConnectedUser("ann", "ann", null, false, null, DateTimeOffset.MaxValue), new ConnectionOptions(), time);
        connection.Attach(new NoWriter(), () => { }, writesControlFrames);
        time.Advance(TimeSpan.FromMilliseconds(ProtocolLimits.HeartbeatMs - 1));
        connection.Tick(time.GetUtcNow());
        Assert.False(connection.TryTake(out _));
        time.Advance(TimeSpan.FromMilliseconds(1));
        connection.Tick(time.GetUtcNow());
        Assert.Equal(writesControlFrames, connection.TryTake(out var frame));
        if (writesControlFrames) Assert.Equal(FrameKind.Ping, frame.Kind);
    }

    [Fact]
    public void A_ping_is_answered_before_what_waits_and_whoever_reads_slowly_is_pinged_after_it()
    {
        var time = new FakeTimeProvider();
        var connection = new Connection(Guid.NewGuid(), new ConnectedUser("ann", "ann", null, false, null, DateTimeOffset.MaxValue), new ConnectionOptions(), time);
        connection.Attach(new NoWriter(), () => { }, writesControlFrames: true);
        connection.TrySend("one"u8.ToArray());
        connection.TrySend("two"u8.ToArray());
        Assert.True(connection.WhenRepliesDrainAsync().IsCompleted);
        connection.Pong("asked"u8);
        var answered = connection.WhenRepliesDrainAsync();
        Assert.False(answered.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(ProtocolLimits.HeartbeatMs));
        connection.Tick(time.GetUtcNow());
        var taken = new List<FrameKind>();
        while (connection.TryTake(out var frame))
        {
            taken.Add(frame.Kind);
            Assert.True(answered.IsCompleted);
        }
        Assert.Equal([FrameKind.Pong, FrameKind.Event, FrameKind.Event, FrameKind.Ping], taken);
    }

    private sealed class NoWriter : IThreadPoolWorkItem
    {
        public void Execute()
        {
        }
    }

    [Fact]
    public void What_is_queued_before_a_close_is_still_sent()
    {
        var user = new ConnectedUser("ann", "ann", null, false, null, DateTimeOffset.MaxValue);
        var connection = new Connection(Guid.NewGuid(), user);
        connection.TrySend("one"u8.ToArray());
        connection.Reply("two"u8.ToArray());
        connection.Close(CloseCodes.Normal, "bye");
        var taken = new List<string>();
        while (connection.TryTake(out var frame)) taken.Add(frame.Kind == FrameKind.Close ? "close" : Encoding.UTF8.GetString(frame.Payload.Span));
        Assert.Equal(["one", "two", "close"], taken);
    }

    [Fact]
    public async Task A_draining_node_tells_its_clients_when_to_come_back_and_closes_with_1012()
    {
        await using var node = await TestNode.StartAsync(await fixture.BackingAsync(), ("Chat:Drain:Seconds", "1"));
        var clients = new List<TestClient>();
        for (var i = 0; i < 5; i++) clients.Add(await node.ConnectAsync(NodeFixture.Name("ann")));
        var clock = Stopwatch.StartNew();
        var stopping = node.StopAsync();
        var waits = new List<int>();
        foreach (var client in clients) waits.Add((await client.NextAsync("reconnect")).GetProperty("after_ms").GetInt32());
        // Not sooner: who balances the load must have heard first.
        Assert.All(waits, wait => Assert.InRange(wait, 500, 1_000));
        Assert.Equal(5, waits.Distinct().Count());
        foreach (var client in clients) Assert.Equal(1012, await client.CloseCodeAsync());
        await stopping;
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"Stopping took {clock.Elapsed}.");
        foreach (var client in clients) await client.DisposeAsync();
    }

    [Fact]
    public async Task A_client_that_never_reads_does_not_hold_up_the_drain()
    {
        var log = new KeptLog();
        // Without an end of its own the drain would wait for this close handshake until the host runs out of time.
        await using var node = await TestNode.StartAsync(await fixture.BackingAsync(), log,
            ("Logging:LogLevel:Chat.Realtime.Connections", "Information"), ("Chat:Connections:CloseTimeout", "00:01:00"), ("Chat:Connections:MaxQueuedBytes", "100000000"));
        var user = NodeFixture.Name("ann");
        await using var client = await node.ConnectAsync(user);
        var connection = Assert.Single(node.Services.GetRequiredService<ConnectionRegistry>().OfUser(user));
        var megabyte = new byte[1 << 20];
        megabyte.AsSpan().Fill((byte)' ');
        for (var i = 0; i < 64; i++) Assert.True(connection.TrySend(megabyte)); // more than the buffers of two sockets hold

        await node.StopAsync();

        Assert.NotNull(log.Find("Drained; 1 connections did not let go and were cut"));
        Assert.Null(log.Find("The host ran out of time while draining"));
    }

    [Fact]
    public async Task A_request_that_waits_does_not_hold_up_a_node_that_stops()
    {
        var log = new KeptLog();
        await using var node = await TestNode.StartAsync(await fixture.BackingAsync(), log, ("Logging:LogLevel:Default", "Information"));
        var user = NodeFixture.Name("ann");
        using var http = node.Http(user);
        using var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { name = "Room", kind = "private" }));
        var roomId = System.Text.Json.JsonDocument.Parse(await made.Content.ReadAsStringAsync()).RootElement.GetProperty("room_id").GetString();
        var waiting = http.GetAsync($"/api/rooms/{roomId}/messages?after_seq=0&wait=30");
        var rooms = node.Services.GetRequiredService<LocalRooms>();
        await Until.TrueAsync(() => rooms.All().Any(room => room.RoomId == roomId && room.Holders == 1), "the request follows the room", TimeSpan.FromSeconds(20));

        await node.StopAsync();

        using var answer = await waiting;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("\"events\":[]", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_silent_peer_is_closed_with_1001()
    {
        await using var node = await TestNode.StartAsync(await fixture.BackingAsync(), ("Chat:Connections:SilenceTimeout", "00:00:02"));
        var client = await node.ConnectAsync(NodeFixture.Name("ann"));
        Assert.Equal(1001, await client.CloseCodeAsync());
        await client.DisposeAsync();
    }

    [Fact]
    public async Task An_offered_compression_is_not_negotiated()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, fixture.Node.Address.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"GET /ws?access_token={TestNode.Token(NodeFixture.Name("ann"))} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"));
        var buffer = new byte[4096];
        var answer = Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer));
        Assert.StartsWith("HTTP/1.1 101", answer);
        Assert.Contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", answer);
        Assert.DoesNotContain("deflate", answer);
        Assert.DoesNotContain("Sec-WebSocket-Protocol", answer); // none was offered
    }

    [Fact]
    public async Task An_unmasked_frame_ends_the_connection_as_a_protocol_error()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, fixture.Node.Address.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"GET /ws?access_token={TestNode.Token(NodeFixture.Name("ann"))} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        var received = new List<byte>();
        var buffer = new byte[4096];
        await socket.SendAsync(new byte[] { 0x81, 0x02, (byte)'{', (byte)'}' });
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        // A close frame (0x88, its length) with 1002 (0x03EA).
        while (Find(received, 0x03, 0xEA) is var at && (at < 2 || received[at - 2] != 0x88))
        {
            var read = await socket.ReceiveAsync(buffer, deadline.Token);
            Assert.True(read > 0, "The connection ended without a close frame.");
            received.AddRange(buffer[..read]);
        }
    }

    [Fact]
    public async Task The_metrics_have_the_names_that_operators_rely_on()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "x" });
        await client.NextAsync("chat_message");
        using var http = new HttpClient();
        string[] names = ["chat_connections", "chat_messages_accepted_total", "chat_deliveries_total", "chat_accept_seconds_bucket", "chat_delivery_seconds_bucket"];
        var page = "";
        // A delivery is counted when it is written, so the client may have it before; and a page is kept for a moment.
        await Until.TrueAsync(async () =>
        {
            page = await http.GetStringAsync(new Uri(fixture.Node.Address, "/metrics"));
            return names.All(name => page.Contains($"\n{name}", StringComparison.Ordinal));
        }, $"all of {string.Join(", ", names)}");
        Assert.DoesNotContain("_total_total", page);
        Assert.DoesNotContain("seconds_seconds", page);
    }

    private static int Find(List<byte> bytes, byte first, byte second)
    {
        for (var i = 0; i + 1 < bytes.Count; i++)
            if (bytes[i] == first && bytes[i + 1] == second) return i;
        return -1;
    }
}
