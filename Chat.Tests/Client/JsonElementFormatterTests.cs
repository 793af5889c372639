using System.Text.Json;
using Chat.Client.Connecting;
using MessagePack;
using MessagePack.Resolvers;

namespace Chat.Tests.Client;

public sealed class JsonElementFormatterTests
{
    private static readonly MessagePackSerializerOptions Options = MessagePackSerializerOptions.Standard
        .WithResolver(CompositeResolver.Create([new JsonElementFormatter()], [StandardResolver.Instance])).WithSecurity(MessagePackSecurity.UntrustedData);

    [Theory]
    [InlineData("""{"text":"grüße 👋 \u0001\"\\\n","none":null,"yes":true,"no":false,"list":[1,[],{}],"map":{"a":{"b":"c"}}}""")]
    [InlineData("""[0,-1,9007199254740991,-9223372036854775808,9223372036854775807,1.5,1e300]""")]
    public void Json_comes_back_as_it_was(string json)
    {
        var value = JsonElement.Parse(json);
        var back = MessagePackSerializer.Deserialize<JsonElement>(MessagePackSerializer.Serialize(value, Options, TestContext.Current.CancellationToken), Options, TestContext.Current.CancellationToken);
        Assert.True(JsonElement.DeepEquals(value, back), back.GetRawText());
    }

    [Fact]
    public void What_is_no_json_or_nested_without_end_is_refused()
    {
        foreach (var bytes in new[] { new byte[] { 0xC4, 0x01, 0x00 }, [0xD4, 0x01, 0x00], [.. Enumerable.Repeat<byte>(0x91, 10_000)] })
            Assert.ThrowsAny<MessagePackSerializationException>(() => MessagePackSerializer.Deserialize<JsonElement>(bytes, Options, TestContext.Current.CancellationToken));
    }
}
