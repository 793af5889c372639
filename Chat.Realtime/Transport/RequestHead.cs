using System.Buffers;
using System.Buffers.Text;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Chat.Realtime.Transport;

internal enum HeadVerdict
{
    /// <summary>It may become one of ours.</summary>
    Incomplete,
    /// <summary>Kestrel's.</summary>
    NotOurs,
    Ours,
}

/// <summary>
/// The head of a WebSocket upgrade of <c>/ws</c>. Only what is plainly one, to the letter, is taken; whatever is unusual or wrong about a request is for
/// Kestrel to judge, so that there is one HTTP parser that decides what is refused, and how.
/// </summary>
internal sealed class RequestHead
{
    /// <summary>The longest head that is looked at.</summary>
    public const int MaxBytes = 16 << 10;

    private const int MaxHeaders = 100;
    private const int KeyLength = 24;
    private const int NonceBytes = 16;
    private static readonly SearchValues<byte> TokenBytes = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);
    private static readonly SearchValues<char> HostChars = SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_:[]");

    private readonly string _query;
    private readonly IHeaderDictionary _headers = new HeaderDictionary();

    private RequestHead(int length, string query) => (Length, _query) = (length, query);

    /// <summary>Bytes of the head, the empty line included.</summary>
    public int Length { get; }

    public string Key => _headers.SecWebSocketKey.ToString();

    public static HeadVerdict Read(ReadOnlySpan<byte> bytes, out RequestHead? head)
    {
        head = null;
        var begin = "GET /ws"u8;
        var seen = Math.Min(bytes.Length, begin.Length);
        if (!bytes[..seen].SequenceEqual(begin[..seen])) return HeadVerdict.NotOurs;
        if (bytes.Length > begin.Length && bytes[begin.Length] is not ((byte)' ' or (byte)'?')) return HeadVerdict.NotOurs;
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (end < 0) return bytes.Length > MaxBytes ? HeadVerdict.NotOurs : HeadVerdict.Incomplete;
        if (end + 4 > MaxBytes) return HeadVerdict.NotOurs;
        head = Parse(bytes[..(end + 2)]);
        return head is null ? HeadVerdict.NotOurs : HeadVerdict.Ours;
    }

    /// <summary>The request as the rest of the node knows requests; what is answered goes to <paramref name="body"/>.</summary>
    public HttpContext ToContext(IPEndPoint peer, Stream body)
    {
        var context = new DefaultHttpContext();
        var request = context.Request;
        (request.Method, request.Protocol, request.Scheme, request.Path) = (HttpMethods.Get, HttpProtocol.Http11, Uri.UriSchemeHttp, Connections.WebSocketEndpoint.Path);
        request.QueryString = new QueryString(_query);
        foreach (var (name, value) in _headers) request.Headers[name] = value; // also the host
        context.Connection.RemoteIpAddress = peer.Address;
        context.Connection.RemotePort = peer.Port;
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        return context;
    }

    // The lines of a head, each with its end; null unless it is an upgrade.
    private static RequestHead? Parse(ReadOnlySpan<byte> lines)
    {
        var head = ParseRequestLine(TakeLine(ref lines), lines.Length);
        if (head is null) return null;
        for (var count = 0; !lines.IsEmpty; count++)
            if (count == MaxHeaders || !head.AddHeader(TakeLine(ref lines))) return null;
        return head.IsUpgrade() ? head : null;
    }

    private static ReadOnlySpan<byte> TakeLine(ref ReadOnlySpan<byte> lines)
    {
        var end = lines.IndexOf("\r\n"u8);
        var line = lines[..end];
        lines = lines[(end + 2)..];
        return line;
    }

    private static RequestHead? ParseRequestLine(ReadOnlySpan<byte> line, int rest)
    {
        var version = " HTTP/1.1"u8;
        if (!line.EndsWith(version)) return null;
        var query = line["GET /ws".Length..^version.Length];
        if (query.ContainsAnyExceptInRange((byte)'!', (byte)'~') || query.Contains((byte)'#')) return null;
        return new RequestHead(line.Length + 2 + rest + 2, Encoding.ASCII.GetString(query));
    }

    private bool AddHeader(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        if (colon <= 0 || line[..colon].ContainsAnyExcept(TokenBytes)) return false;
        var value = line[(colon + 1)..].Trim(" \t"u8);
        foreach (var c in value)
            if (c is not (>= 0x20 and <= 0x7E or (byte)'\t')) return false;
        _headers.Append(Encoding.ASCII.GetString(line[..colon]), Encoding.ASCII.GetString(value));
        return true;
    }

    private bool IsUpgrade() =>
        _headers.Host is [{ Length: > 0 } host] && !host.AsSpan().ContainsAnyExcept(HostChars)
        && _headers.ContentLength is null && _headers.TransferEncoding.Count == 0 && _headers.Expect.Count == 0
        && _headers.Upgrade is [{ } upgrade] && upgrade.Equals("websocket", StringComparison.OrdinalIgnoreCase)
        && _headers.GetCommaSeparatedValues("Connection").Contains("upgrade", StringComparer.OrdinalIgnoreCase)
        && _headers.SecWebSocketVersion is ["13"]
        && _headers.SecWebSocketKey is [{ Length: KeyLength } key] && Base64.IsValid(key, out var decoded) && decoded == NonceBytes;
}
