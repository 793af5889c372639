using System.Net.WebSockets;
using System.Text;
using Chat.Realtime.Transport;

namespace Chat.Tests.Transport;

/// <summary>The parser alone: pieces, garbage, and the framework's own parser beside it.</summary>
public sealed class FrameReaderTests
{
    [Fact]
    public void Frames_are_the_same_wherever_the_bytes_are_split()
    {
        byte[] bytes =
        [
            .. ClientFrame.Text("whole"), .. ClientFrame.Text("", fin: false), .. ClientFrame.Ping("between"), .. ClientFrame.More("zwölf € 😀", fin: false),
            .. ClientFrame.More("", fin: true), .. ClientFrame.Text(new string('é', 200)), .. ClientFrame.Of(ClientFrame.PongOpcode, []), .. ClientFrame.Close(1000, "bye"u8.ToArray()),
        ];
        var whole = FrameReading.ReadWhole(bytes);
        Assert.Equal(["Text whole", "Ping 6265747765656E", "Text zwölf € 😀", $"Text {new string('é', 200)}", "Pong ", "Close 1000 627965"], whole);
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            var first = true;
            Assert.Equal(whole, FrameReading.Read(bytes, () => first ? Once(ref first, cut) : int.MaxValue));
        }
        Assert.Equal(whole, FrameReading.Read(bytes, () => 1));
    }

    [Fact]
    public void Nothing_is_kept_between_messages()
    {
        var reader = new FrameReader();
        Assert.True(reader.IsIdle);
        var bytes = ClientFrame.Text("hello");
        for (var i = 0; i < bytes.Length; i++)
        {
            Span<byte> piece = [bytes[i]];
            Assert.Equal(i == bytes.Length - 1, reader.TryRead(ref piece, out _));
            Assert.Equal(i == bytes.Length - 1, reader.IsIdle);
        }
    }

    [Fact]
    public void Any_garbage_gets_the_same_answer_in_whatever_pieces_it_comes()
    {
        var random = new Random(20_261_124);
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = random.Next(2) == 0 ? Garbage(random) : Damaged(random);
            var whole = FrameReading.ReadWhole(bytes);
            Assert.Equal(whole, FrameReading.Read(bytes, () => 1));
            Assert.Equal(whole, FrameReading.Read(bytes, () => random.Next(1, 9)));
        }
    }

    [Fact]
    public async Task What_is_accepted_is_what_the_framework_reads()
    {
        var random = new Random(7);
        for (var round = 0; round < 2_000; round++)
        {
            var bytes = round % 2 == 0 ? Valid(random) : Damaged(random);
            // The framework reports neither pings nor pongs, and a close without a code as 1000.
            var ours = FrameReading.Read(bytes, () => random.Next(1, 40)).Where(line => !line.StartsWith('P')).Select(line => line.Replace("Close 1005", "Close 1000")).ToList();
            var theirs = await FrameworkReadsAsync(bytes);
            if (ours.Count > 0 && ours[^1].StartsWith("Violation", StringComparison.Ordinal))
            {
                // The framework is laxer (masks, lengths) and knows no largest message: what came before must be the same.
                ours.RemoveAt(ours.Count - 1);
                theirs = [.. theirs.Take(ours.Count)];
            }
            Assert.Equal(theirs, ours);
        }
    }

    private static int Once(ref bool first, int cut)
    {
        first = false;
        return cut;
    }

    private static byte[] Garbage(Random random)
    {
        var bytes = new byte[random.Next(1, 120)];
        random.NextBytes(bytes);
        return bytes;
    }

    // Mostly a valid stream.
    private static byte[] Damaged(Random random)
    {
        var bytes = Valid(random);
        for (var flips = random.Next(1, 4); flips > 0; flips--) bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
        return bytes;
    }

    private static byte[] Valid(Random random)
    {
        var bytes = new List<byte>();
        for (var messages = random.Next(1, 6); messages > 0; messages--)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(0, 60)).Select(_ => (new[] { "a", "é", "€", "😀" })[random.Next(4)]));
            var utf8 = Encoding.UTF8.GetBytes(text);
            var opcode = ClientFrame.TextOpcode;
            for (var at = 0; ;)
            {
                var length = random.Next(0, utf8.Length - at + 1);
                var last = at + length == utf8.Length && random.Next(2) == 0;
                bytes.AddRange(ClientFrame.Of(opcode, utf8[at..(at + length)], last));
                at += length;
                opcode = ClientFrame.Continuation;
                if (random.Next(4) == 0) bytes.AddRange(ClientFrame.Ping("p"));
                if (random.Next(4) == 0) bytes.AddRange(ClientFrame.Of(ClientFrame.PongOpcode, [1, 2, 3]));
                if (last) break;
            }
        }
        if (random.Next(2) == 0) bytes.AddRange(random.Next(2) == 0 ? ClientFrame.Close(1000) : ClientFrame.Of(ClientFrame.CloseOpcode, []));
        return [.. bytes];
    }

    private static async Task<List<string>> FrameworkReadsAsync(byte[] bytes)
    {
        using var socket = WebSocket.CreateFromStream(new OneWay(bytes), new WebSocketCreationOptions { IsServer = true });
        var seen = new List<string>();
        var buffer = new byte[8_192];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var result = await socket.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(20));
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    seen.Add($"Close {(int)socket.CloseStatus!.Value} {Convert.ToHexString(Encoding.UTF8.GetBytes(socket.CloseStatusDescription ?? ""))}");
                    return seen;
                }
                message.Write(buffer, 0, result.Count);
                if (!result.EndOfMessage) continue;
                seen.Add($"Text {Encoding.UTF8.GetString(message.ToArray())}");
                message.SetLength(0);
            }
        }
        catch (WebSocketException)
        {
            return seen; // the end of the bytes, or of its patience
        }
    }

    /// <summary>Bytes to read; what is written is of no interest.</summary>
    private sealed class OneWay(byte[] bytes) : MemoryStream(bytes, writable: false)
    {
        public override bool CanWrite => true;
        public override void Write(byte[] buffer, int offset, int count) { }
        public override void Write(ReadOnlySpan<byte> buffer) { }
        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => Task.CompletedTask;
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }
}
