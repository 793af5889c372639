using System.Buffers;
using System.Text;
using Chat.Realtime.Fanout.PubSub;

namespace Chat.Tests.Fanout;

/// <summary>What a server says is understood however it is cut into pieces, and nonsense is not waited for.</summary>
public sealed class RespFrameTests
{
    private const string All = "+OK\r\n*3\r\n$10\r\nssubscribe\r\n$4\r\nroom\r\n:1\r\n*3\r\n$8\r\nsmessage\r\n$4\r\nroom\r\n$7\r\na\r\nb\r\nc\r\n"
        + "*3\r\n$12\r\nsunsubscribe\r\n$4\r\nroom\r\n:0\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n-MOVED 1 host:1\r\n";

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1_000)]
    public void Frames_are_read_from_pieces_of_any_size(int size)
    {
        var bytes = Encoding.ASCII.GetBytes(All);
        var seen = new List<string>();
        var taken = 0;
        for (var end = 1; end <= bytes.Length; end++)
        {
            var buffer = InPieces(bytes.AsMemory(taken, end - taken), size);
            var before = buffer.Length;
            while (RespFrame.TryRead(ref buffer, out var frame)) seen.Add($"{frame.Kind} {Text(frame.Channel)} {Text(frame.Body)}");
            taken += (int)(before - buffer.Length);
        }

        Assert.Equal(["Done  OK", "Subscribed room ", "Message room a\r\nb\r\nc", "Unsubscribed room ", "Done  ", "Refused  MOVED 1 host:1"], seen);
        Assert.Equal(bytes.Length, taken);
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("\r\n")]
    [InlineData("*4\r\n")]
    [InlineData("*-1\r\n")]
    [InlineData("*99999999999999999999\r\n")]
    [InlineData("*3\r\n:1\r\n")]
    [InlineData("*3\r\n$-1\r\n")]
    [InlineData("*3\r\n$67108865\r\n")]
    [InlineData("*3\r\n$8\r\npmessage\r\n$1\r\nx\r\n$1\r\ny\r\n")]
    [InlineData("*3\r\n$8\r\nsmessageand more\r\n")]
    [InlineData("*2\r\n$5\r\nhello\r\n$0\r\n\r\n")]
    [InlineData("*3\r\n$10\r\nssubscribe\r\n$1\r\nx\r\n$1\r\n1\r\n")]
    public void Nonsense_is_refused_at_once(string text)
    {
        var buffer = new ReadOnlySequence<byte>(Encoding.ASCII.GetBytes(text));

        Assert.Throws<FormatException>(() => RespFrame.TryRead(ref buffer, out _));
    }

    [Fact]
    public void A_line_that_does_not_end_is_refused()
    {
        var buffer = new ReadOnlySequence<byte>(new byte[20_000]);

        Assert.Throws<FormatException>(() => RespFrame.TryRead(ref buffer, out _));
    }

    private static string Text(in ReadOnlySequence<byte> bytes) => Encoding.ASCII.GetString(bytes);

    private static ReadOnlySequence<byte> InPieces(ReadOnlyMemory<byte> bytes, int size)
    {
        Piece? first = null, last = null;
        for (var at = 0; at < bytes.Length; at += size)
        {
            last = new Piece(bytes.Slice(at, Math.Min(size, bytes.Length - at)), last);
            first ??= last;
        }
        return first is null ? default : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> bytes, Piece? before)
        {
            Memory = bytes;
            if (before is null) return;
            RunningIndex = before.RunningIndex + before.Memory.Length;
            before.Next = this;
        }
    }
}
