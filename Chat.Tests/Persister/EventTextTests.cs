using System.Text;
using System.Text.Json;
using Chat.Data.Writing;
using CsCheck;

namespace Chat.Tests.Persister;

/// <summary>What may stand in history, and the nearest text to what may not.</summary>
public sealed class EventTextTests
{
    private static readonly string[] Parts = ["\\u0000", "\\ud83d", "\\ude42", "\\\\", "\\\"", "\\n", "x", "u0000", "ü", "🙂", "\\u00e4"];

    [Theory]
    [InlineData("""{"a":"plain"}""", null)]
    [InlineData("""{"a":"\ud83d\ude42 \" \\ \u00fc"}""", null)]
    [InlineData("""{"a":"\\u0000 is text"}""", null)]
    [InlineData("""{"a":"\u0000"}""", "U+0000 or an unpaired surrogate")]
    [InlineData("""{"a":"\ude42\ud83d"}""", "U+0000 or an unpaired surrogate")]
    [InlineData("""{"\ud83d":1}""", "U+0000 or an unpaired surrogate")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("""{"a":1} {}""", "not a JSON object")]
    [InlineData("""{"a":"\u12"}""", "not a JSON object")]
    [InlineData("", "not a JSON object")]
    public void Faults_are_named(string body, string? fault) => Assert.Equal(fault, EventText.FindFault(Encoding.UTF8.GetBytes(body)));

    [Fact]
    public void Bytes_that_are_no_UTF_8_are_a_fault_and_are_replaced()
    {
        byte[] body = [.. "{\"a\":\""u8, 0xC3, 0x28, 0xED, 0xA0, 0x80, .. "\"}"u8];

        Assert.Equal("not UTF-8", EventText.FindFault(body));
        Assert.Null(EventText.FindFault(EventText.Clean(body)));
    }

    [Fact]
    public void Cleaned_text_has_no_fault_and_clean_text_stays_as_it_is() =>
        Gen.Int[0, Parts.Length - 1].Array[0, 12].Select(parts => "{\"a\":\"" + string.Concat(parts.Select(i => Parts[i])) + "\"}").Sample(text =>
        {
            var body = Encoding.UTF8.GetBytes(text);
            var clean = EventText.Clean(body)!;
            var value = JsonDocument.Parse(clean).RootElement.GetProperty("a").GetString()!;
            return EventText.FindFault(clean) is null
                && !value.Contains('\0')
                && (EventText.FindFault(body) is not null || clean.AsSpan().SequenceEqual(body));
        });
}
