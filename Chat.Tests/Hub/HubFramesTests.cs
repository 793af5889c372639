using System.Text;
using System.Text.Json;
using Chat.Realtime.Hub;
using CsCheck;
using MessagePack;
using MessagePack.Resolvers;

namespace Chat.Tests.Hub;

public sealed class HubFramesTests
{
    private static readonly MessagePackSerializerOptions MessagePack = MessagePackSerializerOptions.Standard
        .WithResolver(CompositeResolver.Create([new HubPayloadFormatter()], [StandardResolver.Instance]));

    [Fact]
    public void A_command_keeps_its_fields_but_says_itself_what_it_is()
    {
        var frame = HubFrames.Command("history", 7, Payload("""{"room_id":"r","id":3,"event_type":"x","limit":5,"after_seq":null}"""));
        Assert.Equal("""{"event_type":"history","id":7,"room_id":"r","limit":5}""", Encoding.UTF8.GetString(frame.Span));
    }

    [Fact]
    public void A_refusal_over_the_rate_says_how_long_to_wait()
    {
        var (id, _, refusal) = HubFrames.Reply(Encoding.UTF8.GetBytes("""{"event_type":"error","id":4,"code":"rate_limited","message":"Slow down.","retry_after_ms":350}"""));
        Assert.Equal((4, "rate_limited: 350"), (id, refusal!.Message));
    }

    [Fact]
    public void What_is_no_JSON_in_MessagePack_is_refused()
    {
        foreach (var bytes in new[] { new byte[] { 0xC4, 0x01, 0x00 }, [0xD4, 0x01, 0x00], [0xCB, 0x7F, 0xF8, 0, 0, 0, 0, 0, 0], [.. Enumerable.Repeat<byte>(0x91, 40)] })
            Assert.ThrowsAny<MessagePackSerializationException>(() => MessagePackSerializer.Deserialize<HubPayload>(bytes, MessagePack, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Every_object_survives_MessagePack() =>
        Gen.Dictionary(Gen.String[Gen.Char.AlphaNumeric, 1, 8], Gen.OneOf<object?>(
                Gen.String[Gen.Char[' ', '\uD7FF'], 0, 20].Select(text => (object?)text), Gen.Long.Select(number => (object?)number), Gen.Bool.Select(yes => (object?)yes),
                Gen.Long.Array[0, 5].Select(numbers => (object?)numbers)))[0, 8]
            .Sample(fields =>
            {
                var json = JsonSerializer.SerializeToUtf8Bytes(fields);
                var back = MessagePackSerializer.Deserialize<HubPayload>(MessagePackSerializer.Serialize(new HubPayload(json), MessagePack), MessagePack);
                return JsonElement.DeepEquals(JsonElement.Parse(json), JsonElement.Parse(back.Utf8.Span));
            });

    private static HubPayload Payload(string json) => new(Encoding.UTF8.GetBytes(json));
}
