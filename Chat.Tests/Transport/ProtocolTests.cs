using System.Text;
using Chat.Tests.Realtime;
using static Chat.Tests.Transport.ClientFrame;

namespace Chat.Tests.Transport;

/// <summary>RFC 6455 case by case over a real connection, each in one piece and byte by byte.</summary>
[Collection(nameof(NodeCollection))]
public class ProtocolTests(NodeFixture fixture)
{
    private static readonly Dictionary<string, byte[]> Broken = new()
    {
        ["reserved bit 1"] = Of(TextOpcode, [], reserved: 4),
        ["reserved bit 2"] = Of(TextOpcode, [], reserved: 2),
        ["reserved bit 3 on a ping"] = Of(PingOpcode, [], reserved: 1),
        ["opcode 3"] = Of(3, []),
        ["opcode 7"] = Of(7, []),
        ["opcode 11"] = Of(11, []),
        ["opcode 15"] = Of(15, []),
        ["no mask"] = Of(TextOpcode, "{}"u8.ToArray(), masked: false),
        ["ping of 126 bytes"] = Of(PingOpcode, new byte[126]),
        ["ping in fragments"] = Of(PingOpcode, [], fin: false),
        ["close in fragments"] = Of(CloseOpcode, [], fin: false),
        ["continuation of nothing"] = More("x", fin: true),
        ["continuation after a whole message"] = [.. Text("{\"event_type\":\"ping\"}"), .. More("x", fin: false)],
        ["text inside a message"] = [.. Text("a", fin: false), .. Text("b")],
        ["binary inside a message"] = [.. Text("a", fin: false), .. Of(Binary, [])],
        ["close with half a code"] = Of(CloseOpcode, [3]),
        ["length of 5 in 2 bytes"] = Header(TextOpcode, 5, 2),
        ["length of 65535 in 8 bytes"] = Header(TextOpcode, 65_535, 8),
        ["negative length"] = Header(TextOpcode, -1, 8),
    };

    private static readonly Dictionary<string, byte[]> NotUtf8 = new()
    {
        ["lone continuation"] = Of(TextOpcode, [0x80]),
        ["overlong"] = Of(TextOpcode, [0xC0, 0xAF]),
        ["surrogate"] = Of(TextOpcode, [0xED, 0xA0, 0x80]),
        ["above the last character"] = Of(TextOpcode, [0xF4, 0x90, 0x80, 0x80]),
        ["ends inside a character"] = Of(TextOpcode, [0xE2, 0x82]),
        ["ends inside a character, in fragments"] = [.. Of(TextOpcode, [0xE2], fin: false), .. Of(Continuation, [0x82])],
        ["wrong in the first of two fragments"] = Of(TextOpcode, [(byte)'a', 0xC3, 0x28], fin: false),
        ["wrong before the character is whole"] = Of(TextOpcode, [0xF4, 0x90], fin: false),
        ["wrong in half a frame"] = [.. Header(TextOpcode, 1_000, 2), 0xFF ^ 0x37],
        ["reason of a close"] = Close(1000, [0xFF, 0xFE]),
    };

    public static TheoryData<string, bool> BrokenCases => Cases(Broken);

    public static TheoryData<string, bool> NotUtf8Cases => Cases(NotUtf8);

    [Theory]
    [MemberData(nameof(BrokenCases))]
    public Task What_breaks_the_protocol_closes_with_1002(string name, bool byteByByte) => AssertClosesAsync(1002, Broken[name], byteByByte);

    [Theory]
    [MemberData(nameof(NotUtf8Cases))]
    public Task Text_that_is_not_UTF8_closes_with_1007(string name, bool byteByByte) => AssertClosesAsync(1007, NotUtf8[name], byteByByte);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Binary_closes_with_1003_and_too_much_with_1009(bool byteByByte)
    {
        await AssertClosesAsync(1003, Of(Binary, [1]), byteByByte);
        await AssertClosesAsync(1009, Header(TextOpcode, 1L << 62, 8), byteByByte);
        await AssertClosesAsync(1009, Header(TextOpcode, 32_769, 2), byteByByte);
        await AssertClosesAsync(1009, [.. Of(TextOpcode, new byte[20_000], fin: false), .. Header(Continuation, 12_769, 2)], byteByByte: false);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(999)]
    [InlineData(1004)]
    [InlineData(1005)]
    [InlineData(1006)]
    [InlineData(1015)]
    [InlineData(1016)]
    [InlineData(1100)]
    [InlineData(2000)]
    [InlineData(2999)]
    [InlineData(5000)]
    [InlineData(65535)]
    public Task A_close_code_that_may_not_be_sent_is_answered_with_1002(int code) => AssertClosesAsync(1002, Close(code), byteByByte: false);

    [Theory]
    [InlineData(1000)]
    [InlineData(1001)]
    [InlineData(1002)]
    [InlineData(1003)]
    [InlineData(1007)]
    [InlineData(1011)]
    [InlineData(1012)]
    [InlineData(1014)]
    [InlineData(3000)]
    [InlineData(4999)]
    public Task A_close_code_is_echoed(int code) => AssertClosesAsync(code, Close(code, "why"u8.ToArray()), byteByByte: false, endsFirst: false);

    [Fact]
    public async Task A_close_without_a_code_is_answered_with_1000_and_what_follows_it_is_ignored() =>
        await AssertClosesAsync(1000, [.. Of(CloseOpcode, []), .. Ping("late")], byteByByte: false, endsFirst: false);

    [Fact]
    public async Task Pings_are_answered_in_order_with_their_payload_and_pongs_are_taken()
    {
        using var connection = await RawConnection.OpenAsync(fixture.Node, NodeFixture.Name("ann"));
        var payloads = new List<byte[]> { Array.Empty<byte>(), Enumerable.Range(0, 125).Select(i => (byte)(i * 7)).ToArray() };
        for (var i = 0; i < 10; i++) payloads.Add([(byte)i]);
        await connection.SendAsync(Of(PongOpcode, "nobody asked"u8.ToArray()));
        await connection.SendAsync([.. payloads.SelectMany(payload => Of(PingOpcode, payload))]);
        foreach (var payload in payloads)
        {
            var frame = await connection.ReadFrameAsync();
            Assert.Equal(PongOpcode, frame!.Value.Opcode);
            Assert.Equal(payload, frame.Value.Payload);
        }
        await connection.AssertAliveAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(int.MaxValue)]
    public async Task A_message_in_fragments_is_one_command_and_a_ping_between_them_is_answered_first(int pieceLength)
    {
        using var connection = await RawConnection.OpenAsync(fixture.Node, NodeFixture.Name("ann"));
        var id = Encoding.UTF8.GetBytes("\"zwölf €\"}");
        byte[] bytes =
        [
            .. Text("{\"event_type\":", fin: false), .. Ping("a"), .. More("", fin: false), .. More("\"ping\",\"id\":", fin: false), .. Ping("b"),
            .. Of(Continuation, id[..3], fin: false), .. Of(Continuation, id[3..]), // inside a character
        ];
        foreach (var piece in bytes.Chunk(Math.Min(pieceLength, bytes.Length))) await connection.SendAsync(piece);
        Assert.Equal((PongOpcode, "a"), await NextAsync());
        Assert.Equal((PongOpcode, "b"), await NextAsync());
        var (opcode, text) = await NextAsync();
        Assert.Equal(TextOpcode, opcode);
        Assert.Equal("zwölf €", System.Text.Json.JsonDocument.Parse(text).RootElement.GetProperty("id").GetString());

        async Task<(int, string)> NextAsync() => await connection.ReadFrameAsync() is { } frame ? (frame.Opcode, Encoding.UTF8.GetString(frame.Payload)) : default;
    }

    [Fact]
    public async Task Many_commands_in_one_write_are_all_answered_in_order()
    {
        using var connection = await RawConnection.OpenAsync(fixture.Node, NodeFixture.Name("ann"));
        const int count = 3_000; // many times what may be under way at once, and more than one read
        await connection.SendAsync([.. Enumerable.Range(0, count).SelectMany(i => Text($"{{\"event_type\":\"ping\",\"id\":{i}}}"))]);
        for (var i = 0; i < count; i++) Assert.Contains($"\"id\":{i},", await connection.ReadTextAsync());
    }

    [Fact]
    public async Task A_client_that_only_ends_its_side_is_let_go()
    {
        using var connection = await RawConnection.OpenAsync(fixture.Node, NodeFixture.Name("ann"));
        connection.EndSending();
        Assert.Null(await connection.ReadFrameAsync());
    }

    [Fact]
    public async Task Who_broke_the_protocol_and_goes_on_sending_is_told_why_and_not_cut_off()
    {
        using var connection = await RawConnection.OpenAsync(fixture.Node, NodeFixture.Name("ann"));
        await connection.SendAsync(Of(TextOpcode, [], reserved: 4));
        await connection.SendAsync(new byte[16 << 20]); // more than the buffers of two sockets hold
        Assert.Equal(1002, await connection.ReadCloseAsync());
        Assert.False(connection.WasReset);
    }

    private async Task AssertClosesAsync(int code, byte[] bytes, bool byteByByte, bool endsFirst = true)
    {
        using var connection = await RawConnection.OpenAsync(fixture.Node, NodeFixture.Name("ann"));
        if (byteByByte)
            foreach (var value in bytes) await connection.SendAsync([value]);
        else await connection.SendAsync(bytes);
        Assert.Equal(code, await connection.ReadCloseAsync(endsFirst));
    }

    private static TheoryData<string, bool> Cases(Dictionary<string, byte[]> named)
    {
        var cases = new TheoryData<string, bool>();
        foreach (var name in named.Keys)
        {
            cases.Add(name, false);
            cases.Add(name, true);
        }
        return cases;
    }
}
