using System.Text;
using Chat.Realtime.Redis;
using CsCheck;
using StackExchange.Redis;

namespace Chat.Tests.Redis;

/// <summary>What Redis answers is understood however it is cut into pieces, and nonsense is not waited for.</summary>
public sealed class RespReplyTests
{
    [Fact]
    public void Replies_of_every_kind_are_read_one_after_another()
    {
        ReadOnlySpan<byte> bytes = "+OK\r\n:-12\r\n$5\r\na\r\nbc\r\n$-1\r\n*-1\r\n*2\r\n$1\r\nx\r\n*2\r\n:1\r\n$-1\r\n-WRONGEPOCH 3 is it\r\n$0\r\n\r\n"u8;
        Assert.Equal("OK", (string?)Next(ref bytes));
        Assert.Equal(-12, (long)Next(ref bytes));
        Assert.Equal("a\r\nbc", (string?)Next(ref bytes));
        Assert.True(Next(ref bytes).IsNull);
        Assert.True(Next(ref bytes).IsNull);
        var nested = Next(ref bytes);
        Assert.Equal("x", (string?)nested[0]);
        Assert.Equal(1, (int)nested[1][0]);
        Assert.True(nested[1][1].IsNull);
        Assert.True(RespReply.TryRead(ref bytes, out _, out var error));
        Assert.Equal("WRONGEPOCH 3 is it", error);
        Assert.Equal("", (string?)Next(ref bytes));
        Assert.True(bytes.IsEmpty);
    }

    [Theory]
    [InlineData("$3\r\nabc\r\n")]
    [InlineData("*2\r\n:1\r\n*1\r\n$2\r\nab\r\n")]
    [InlineData("-ERR no\r\n")]
    [InlineData("+PONG\r\n")]
    public void A_reply_that_is_not_complete_is_waited_for(string reply)
    {
        for (var length = 0; length < reply.Length; length++)
        {
            ReadOnlySpan<byte> part = Encoding.ASCII.GetBytes(reply[..length]);
            Assert.False(RespReply.TryRead(ref part, out _, out _));
            Assert.Equal(length, part.Length);
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("\r\n")]
    [InlineData("$2\r\nabc\r\n")]
    [InlineData("$-2\r\n")]
    [InlineData("$99999999999\r\n")]
    [InlineData("$x\r\n")]
    [InlineData(":\r\n")]
    [InlineData("*-2\r\n")]
    [InlineData("*9999999\r\n")]
    [InlineData("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n")]
    [InlineData("*1\r\n-ERR inside\r\n")]
    public void What_is_no_reply_is_refused(string nonsense) => Assert.Throws<FormatException>(() =>
    {
        ReadOnlySpan<byte> bytes = Encoding.ASCII.GetBytes(nonsense);
        RespReply.TryRead(ref bytes, out _, out _);
    });

    [Fact]
    public void A_line_that_never_ends_is_refused() => Assert.Throws<FormatException>(() =>
    {
        ReadOnlySpan<byte> bytes = Encoding.ASCII.GetBytes("+" + new string('x', 20_000));
        RespReply.TryRead(ref bytes, out _, out _);
    });

    [Fact]
    public void Whatever_arrives_is_a_reply_incomplete_or_refused() => Gen.Char["+-:$*0123456789\r\nab"].Array[0, 40].Sample(text =>
    {
        ReadOnlySpan<byte> bytes = Encoding.ASCII.GetBytes(text);
        try
        {
            while (RespReply.TryRead(ref bytes, out var reply, out var error)) Assert.True(reply is null != error is null);
        }
        catch (FormatException)
        {
            // Refused.
        }
    });

    private static RedisResult Next(ref ReadOnlySpan<byte> bytes)
    {
        Assert.True(RespReply.TryRead(ref bytes, out var reply, out var error));
        Assert.Null(error);
        return reply!;
    }
}
