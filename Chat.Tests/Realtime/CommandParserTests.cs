using System.Text;
using Chat.Realtime.Commands;
using CsCheck;

namespace Chat.Tests.Realtime;

public sealed class CommandParserTests
{
    [Theory]
    [InlineData("""{"event_type":"ping"}""", "Ping")]
    [InlineData("""  { "id" : 3 , "event_type" : "typing" , "active" : false } """, "Typing")]
    [InlineData("""{"event_type":"subscribe","room_id":"r","since_seq":9007199254740991,"unknown":[1,{"a":null}]}""", "Subscribe")]
    [InlineData("""{"event_type":"chat_message","content":"\ud83d\ude00 \u00e9","attachments":["a","b"]}""", "ChatMessage")]
    public void A_command_is_read(string frame, string kind)
    {
        Assert.True(CommandParser.TryParse(Encoding.UTF8.GetBytes(frame), out var command, out _, out var error), error);
        Assert.Equal(kind, command.Kind.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"ping\"")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("{} {}")]
    [InlineData("{'event_type':'ping'}")]
    [InlineData("""{"event_type":"ping",}""")]
    [InlineData("""{"event_type":"ping"} x""")]
    [InlineData("""{"event_type":"Ping"}""")]
    [InlineData("""{"event_type":"pin","room_id":"r"}""")]
    [InlineData("""{"event_type":"react","room_id":"r","remove":"yes"}""")]
    [InlineData("""{"event_type":"data_update","room_id":"r","content":"x","ephemeral":1}""")]
    [InlineData("""{"event_type":"history","room_id":"r","state":"true"}""")]
    [InlineData("""{"event_type":7}""")]
    [InlineData("""{"event_type":"ping","id":null}""")]
    [InlineData("""{"event_type":"ping","id":true}""")]
    [InlineData("""{"event_type":"ping","id":{}}""")]
    [InlineData("""{"event_type":"ping","id":1e400}""")]
    [InlineData("""{"event_type":"ping","other":1e400}""")]
    [InlineData("""{"event_type":"ping","other":[{"a":-1e999}]}""")]
    [InlineData("""{"event_type":"ping","event_type":"ping"}""")]
    [InlineData("""{"event_type":"ping","event\u005ftype":"ping"}""")]
    [InlineData("""{"event_type":"ping","x":1,"x":2}""")]
    [InlineData("""{"event_type":"ping","x":{"a":1,"a":2}}""")]
    [InlineData("""{"event_type":"chat_message","room_id":"r","content":"\ud800"}""")]
    [InlineData("""{"event_type":"chat_message","room_id":"r","content":"\udc00\ud800"}""")]
    [InlineData("""{"event_type":"chat_message","room_id":"r","content":"a\u0000b"}""")]
    [InlineData("""{"event_type":"ping","other":"\ud800"}""")]
    [InlineData("""{"event_type":"ping","oth\ud800er":1}""")]
    [InlineData("""{"event_type":"chat_message","room_id":"r","content":5}""")]
    [InlineData("""{"event_type":"chat_message","room_id":"r","content":null}""")]
    [InlineData("""{"event_type":"chat_message","room_id":["r"],"content":"x"}""")]
    [InlineData("""{"event_type":"chat_message","attachments":"a"}""")]
    [InlineData("""{"event_type":"chat_message","attachments":[1]}""")]
    [InlineData("""{"event_type":"subscribe","room_id":"r","since_seq":"1"}""")]
    [InlineData("""{"event_type":"subscribe","room_id":"r","since_seq":-1}""")]
    [InlineData("""{"event_type":"subscribe","room_id":"r","since_seq":1.5}""")]
    [InlineData("""{"event_type":"subscribe","room_id":"r","since_seq":9223372036854775808}""")]
    [InlineData("""{"event_type":"subscribe","room_id":"r","epoch":1}""")]
    [InlineData("""{"event_type":"typing","room_id":"r","active":"true"}""")]
    public void A_bad_frame_is_refused_with_a_reason(string frame)
    {
        Assert.False(CommandParser.TryParse(Encoding.UTF8.GetBytes(frame), out _, out _, out var error));
        Assert.NotEmpty(error!);
    }

    [Fact]
    public void Depth_is_bounded()
    {
        var deep = $$"""{"event_type":"ping","x":{{new string('[', 10_000)}}{{new string(']', 10_000)}}}""";
        Assert.False(CommandParser.TryParse(Encoding.UTF8.GetBytes(deep), out _, out _, out _));
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused()
    {
        foreach (var bad in new byte[][] { [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xFF] })
        {
            byte[] frame = [.. """{"event_type":"chat_message","room_id":"r","content":" """u8, .. bad, .. "\"}"u8];
            Assert.False(CommandParser.TryParse(frame, out _, out _, out _));
        }
    }

    [Fact]
    public void The_id_of_an_unknown_command_is_known()
    {
        Assert.False(CommandParser.TryParse("""{"id":"a\"b","event_type":"dance"}"""u8, out _, out var id, out _));
        Assert.Equal("\"a\\\"b\"", Encoding.UTF8.GetString(id.Span));
    }

    [Theory]
    [InlineData("""{"event_type":"history","limit":-1,"id":"x"}""", "\"x\"")]
    [InlineData("""{"event_type":"history","id":"x","limit":-1}""", "\"x\"")]
    [InlineData("""{"limit":1.5,"event_type":"history","id":7}""", "7")]
    [InlineData("""{"event_type":"dance","id":7}""", "7")]
    [InlineData("""{"event_type":7,"id":8}""", "8")]
    [InlineData("""{"event_type":null,"id":8}""", "8")]
    [InlineData("""{"room_id":["r"],"id":-1.5e3}""", "-1.5e3")]
    [InlineData("""{"id":9}""", "9")]
    [InlineData("""{"event_type":"ping","event_type":"ping","id":9}""", "9")]
    [InlineData("""{"event_type":"ping","x":{"a":1,"a":2},"id":9}""", "9")]
    [InlineData("""{"event_type":"ping","x":1e400,"id":9}""", "9")]
    [InlineData("""{"event_type":"chat_message","content":"\ud800","id":9}""", "9")]
    [InlineData("""{"event_type":"chat_message","content":"a\u0000","id":9}""", "9")]
    [InlineData("""{"oth\ud800er":1,"event_type":"ping","id":9}""", "9")]
    [InlineData("""{"attachments":["a",{"id":1},[2]],"event_type":"chat_message","id":9}""", "9")]
    [InlineData("""{"x":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]],"event_type":"ping","id":9}""", "9")]
    [InlineData("""{"event_type":"ping","limit":"5","\u0069d":9}""", "9")]
    [InlineData("""{"event_type":"ping","id":9} x""", "9")]
    [InlineData("""{"event_type":"ping","id":9,}""", "9")]
    [InlineData("""{"event_type":"ping","id":true}""", "")]
    [InlineData("""{"event_type":"ping","x":{"id":9},"limit":-1}""", "")]
    public void The_error_of_a_bad_frame_has_its_id_wherever_the_id_stands(string frame, string expected)
    {
        Assert.False(CommandParser.TryParse(Encoding.UTF8.GetBytes(frame), out _, out var id, out var error));
        Assert.NotEmpty(error!);
        Assert.Equal(expected, Encoding.UTF8.GetString(id.Span));
    }

    [Fact]
    public void Whatever_bytes_come_the_parser_answers() =>
        Gen.OneOf(Gen.Byte.Array[0, 200], Gen.String[0, 80].Select(text => Encoding.UTF8.GetBytes($"{{\"event_type\":\"ping\",\"x\":{text}}}")))
            .Sample(frame =>
            {
                var parsed = CommandParser.TryParse(frame, out _, out _, out var error);
                return parsed == (error is null);
            }, iter: 5_000);

    [Fact]
    public void Text_comes_through_unchanged() =>
        Gen.String[1, 200].Where(text => !text.Contains('\0') && text.EnumerateRunes().All(rune => rune != Rune.ReplacementChar)).Sample(text =>
        {
            var frame = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["event_type"] = "chat_message", ["content"] = text });
            return CommandParser.TryParse(frame, out var command, out _, out _) && command.Content == text;
        }, iter: 2_000);
}
