using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.LoadTest.Wire;

namespace Chat.Tests.LoadTest;

/// <summary>The socket of the light clients, against bytes by hand.</summary>
public sealed class LightSocketTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private NetworkStream _server = null!;
    private LightSocket _client = null!;

    public async ValueTask InitializeAsync()
    {
        _listener.Start();
        var connecting = LightSocket.ConnectAsync(Route(), "the-token", TestContext.Current.CancellationToken);
        _server = await AcceptAsync("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
        _client = await connecting.WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
        _listener.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(300_000)]
    public async Task A_text_of_any_length_comes_as_it_was_sent(int length)
    {
        var text = new string('x', length);
        await SendAsync([.. Frame(0x81, text), .. Frame(0x81, "next")]);
        Assert.Equal(text, await TextAsync());
        Assert.Equal("next", await TextAsync());
    }

    [Fact]
    public async Task Frames_come_whole_however_the_network_cuts_them()
    {
        byte[] all = [.. Frame(0x81, "one"), .. Frame(0x81, new string('y', 200)), .. Frame(0x81, "three")];
        var reading = ReadAsync();
        foreach (var part in all) await SendAsync([part]);
        Assert.Equal(["one", new string('y', 200), "three"], await reading.WaitAsync(Patience));

        async Task<string?[]> ReadAsync() => [await TextAsync(), await TextAsync(), await TextAsync()];
    }

    [Fact]
    public async Task A_message_in_parts_is_one_text_and_a_ping_between_them_is_answered()
    {
        await SendAsync([.. Frame(0x01, "be"), .. Frame(0x89, "beat"), .. Frame(0x00, "gin"), .. Frame(0x80, "ning"), .. Frame(0x81, "next")]);
        Assert.Equal("beginning", await TextAsync());
        Assert.Equal("next", await TextAsync());
        Assert.Equal((0x8A, "beat"), await FromClientAsync());
    }

    [Theory]
    [InlineData(3)]
    [InlineData(126)]
    [InlineData(70_000)]
    public async Task What_is_sent_is_masked_and_comes_back_with_its_mask(int length)
    {
        var text = string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + i % 26)));
        _client.Send(Encoding.UTF8.GetBytes(text));
        Assert.Equal((0x81, text), await FromClientAsync());
    }

    [Fact]
    public async Task A_close_is_the_end_and_a_cut_is_a_lost_link_or_the_end()
    {
        await SendAsync(Frame(0x88, ""));
        Assert.Null(await TextAsync());
        _client.Abort();
        await Assert.ThrowsAsync<LinkLostException>(async () => await _client.ReceiveAsync());
        Assert.Throws<LinkLostException>(() => _client.Send("late"u8));
    }

    [Fact]
    public async Task A_frame_beyond_every_limit_is_a_lost_link()
    {
        await SendAsync([0x81, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        await Assert.ThrowsAsync<LinkLostException>(async () => await _client.ReceiveAsync().AsTask().WaitAsync(Patience));
    }

    [Fact]
    public async Task A_refused_handshake_says_how_it_was_refused()
    {
        var connecting = LightSocket.ConnectAsync(Route(), "the-token", TestContext.Current.CancellationToken);
        await using var server = await AcceptAsync("HTTP/1.1 401 Unauthorized\r\n\r\n");
        Assert.Contains("401", (await Assert.ThrowsAsync<LinkLostException>(() => connecting.WaitAsync(Patience))).Message);
    }

    [Fact]
    public void A_glance_reads_the_few_fields_that_count()
    {
        var glance = EventGlance.At("""{"event_type":"chat_message","seq":7,"epoch":"0","mentions":["a",{"seq":9}],"event_id":"e","room_id":"r","content":"17..","id":3}"""u8);
        Assert.Equal(("chat_message", "r", "0", "e", "17..", 7L, 3L), (Text(glance.EventType), Text(glance.RoomId), Text(glance.Epoch), Text(glance.EventId), Text(glance.Content), glance.Seq, glance.Id));

        static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);
    }

    private Route Route() => new("server", new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}"));

    private async Task<NetworkStream> AcceptAsync(string answer)
    {
        var stream = new NetworkStream(await _listener.AcceptSocketAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience), ownsSocket: true);
        var request = new StringBuilder();
        var one = new byte[1];
        while (!request.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one).AsTask().WaitAsync(Patience);
            request.Append((char)one[0]);
        }
        Assert.Contains("Authorization: Bearer the-token", request.ToString());
        await stream.WriteAsync(Encoding.ASCII.GetBytes(answer));
        return stream;
    }

    private async Task SendAsync(byte[] bytes) => await _server.WriteAsync(bytes).AsTask().WaitAsync(Patience);

    private async Task<string?> TextAsync() => await _client.ReceiveAsync().AsTask().WaitAsync(Patience) is { } text ? Encoding.UTF8.GetString(text.Span) : null;

    private static byte[] Frame(byte first, string text)
    {
        var payload = Encoding.UTF8.GetBytes(text);
        var head = new byte[payload.Length < 126 ? 2 : payload.Length <= ushort.MaxValue ? 4 : 10];
        head[0] = first;
        if (head.Length == 2) head[1] = (byte)payload.Length;
        else if (head.Length == 4)
        {
            head[1] = 126;
            BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(2), (ushort)payload.Length);
        }
        else
        {
            head[1] = 127;
            BinaryPrimitives.WriteInt64BigEndian(head.AsSpan(2), payload.Length);
        }
        return [.. head, .. payload];
    }

    private async Task<(int First, string Text)> FromClientAsync()
    {
        var head = await BytesAsync(2);
        Assert.True((head[1] & 0x80) != 0, "The frame is not masked.");
        long length = head[1] & 0x7F;
        if (length == 126) length = BinaryPrimitives.ReadUInt16BigEndian(await BytesAsync(2));
        else if (length == 127) length = BinaryPrimitives.ReadInt64BigEndian(await BytesAsync(8));
        var mask = await BytesAsync(4);
        var payload = await BytesAsync((int)length);
        for (var i = 0; i < payload.Length; i++) payload[i] ^= mask[i & 3];
        return (head[0], Encoding.UTF8.GetString(payload));

        async Task<byte[]> BytesAsync(int count)
        {
            var bytes = new byte[count];
            await _server.ReadExactlyAsync(bytes).AsTask().WaitAsync(Patience);
            return bytes;
        }
    }
}
