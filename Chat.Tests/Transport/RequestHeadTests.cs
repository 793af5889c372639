using System.Text;
using Chat.Realtime.Transport;

namespace Chat.Tests.Transport;

public sealed class RequestHeadTests
{
    private const string Upgrade =
        "GET /ws?ticket=t HTTP/1.1\r\nHost: chat.example:8080\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://chat.example\r\n\r\n";

    [Fact]
    public void An_upgrade_is_ours_as_soon_as_its_head_is_whole()
    {
        var bytes = Encoding.ASCII.GetBytes(Upgrade);
        for (var length = 0; length < bytes.Length; length++) Assert.Equal(HeadVerdict.Incomplete, RequestHead.Read(bytes.AsSpan(0, length), out _));
        Assert.Equal(HeadVerdict.Ours, RequestHead.Read([.. bytes, 0x81, 0x80], out var head));
        Assert.Equal(bytes.Length, head!.Length);
        var request = head.ToContext(new System.Net.IPEndPoint(1, 2), Stream.Null).Request;
        Assert.Equal("t", request.Query["ticket"]);
        Assert.Equal("chat.example:8080", request.Host.Value);
        Assert.Equal("https://chat.example", request.Headers.Origin);
    }

    [Theory]
    [InlineData("GET /ws", "POST /ws")]
    [InlineData("GET /ws?", "GET /wsx?")]
    [InlineData("GET /ws?", "GET /ws/?")]
    [InlineData("GET /ws?", "GET  /ws?")]
    [InlineData("HTTP/1.1", "HTTP/1.0")]
    [InlineData("?ticket=t", "?ticket=\u0001")]
    [InlineData("?ticket=t", "?ticket=t#f")]
    [InlineData("?ticket=t ", "?ticket=t a ")]
    [InlineData("Host: chat.example:8080\r\n", "")]
    [InlineData("Host: chat.example:8080\r\n", "Host: a\r\nHost: b\r\n")]
    [InlineData("Host: chat.example", "Host: a/b")]
    [InlineData("Host: chat", "Host : chat")]
    [InlineData("Upgrade: websocket", "Upgrade: h2c")]
    [InlineData("Connection: keep-alive, Upgrade", "Connection: keep-alive")]
    [InlineData("Version: 13", "Version: 8")]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "short")]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j!Q==")]
    [InlineData("Origin: ", "Content-Length: 5\r\nOrigin: ")]
    [InlineData("Origin: ", "Transfer-Encoding: chunked\r\nOrigin: ")]
    [InlineData("Origin: ", " folded\r\nOrigin: ")]
    [InlineData("Origin: ", "no colon\r\nOrigin: ")]
    [InlineData("Origin: https", "Origin: \0https")]
    [InlineData("Origin: https", "Origin: a\nX: https")]
    [InlineData("Origin: https", "Origin: a\rX: https")]
    public void What_is_unusual_about_a_request_is_for_Kestrel_to_judge(string good, string bad)
    {
        var text = Upgrade.Replace(good, bad, StringComparison.Ordinal);
        Assert.NotEqual(Upgrade, text);
        Assert.Equal(HeadVerdict.NotOurs, RequestHead.Read(Encoding.Latin1.GetBytes(text), out _));
    }

    [Theory]
    [InlineData("\x16\x03\x01\x02")] // TLS
    [InlineData("PRI * HTTP/2.0\r\n\r\n")]
    [InlineData("GET /hubs/chat")]
    [InlineData("G\r\n")]
    public void What_cannot_become_an_upgrade_is_known_at_its_first_wrong_byte(string bytes) =>
        Assert.Equal(HeadVerdict.NotOurs, RequestHead.Read(Encoding.Latin1.GetBytes(bytes), out _));

    [Fact]
    public void A_head_is_waited_for_up_to_its_longest_size_and_so_are_headers_to_their_number()
    {
        var start = Encoding.ASCII.GetBytes("GET /ws HTTP/1.1\r\nX: ");
        Assert.Equal(HeadVerdict.Incomplete, RequestHead.Read([.. start, .. new byte[RequestHead.MaxBytes - start.Length]], out _));
        Assert.Equal(HeadVerdict.NotOurs, RequestHead.Read([.. start, .. new byte[RequestHead.MaxBytes - start.Length + 1]], out _));
        var many = Upgrade.Replace("Origin: ", string.Concat(Enumerable.Repeat("A: b\r\n", 200)) + "Origin: ", StringComparison.Ordinal);
        Assert.Equal(HeadVerdict.NotOurs, RequestHead.Read(Encoding.ASCII.GetBytes(many), out _));
    }
}
