namespace Chat.Realtime.Connections;

/// <summary>
/// Which browser origins may open a connection: the origin that the request itself was sent to, <c>Chat:PublicUrl</c>, and <c>Chat:Origins</c>.
/// Whole origins are compared, never suffixes. Programs other than browsers send no <c>Origin</c> and are let through.
/// </summary>
internal sealed class AllowedOrigins
{
    private readonly HashSet<string> _configured = new(StringComparer.Ordinal);

    public AllowedOrigins(IConfiguration configuration)
    {
        foreach (var origin in configuration.GetSection("Chat:Origins").Get<string[]>() ?? [])
            _configured.Add(Normalize(origin) ?? throw new InvalidOperationException($"Chat:Origins holds \"{origin}\": give origins like https://example.org, without a path."));
        if (configuration["Chat:PublicUrl"] is { Length: > 0 } url)
            _configured.Add(Normalize(url) ?? throw new InvalidOperationException($"Chat:PublicUrl is \"{url}\": give an address like https://chat.example.org."));
    }

    public bool Allow(HttpRequest request)
    {
        var header = request.Headers.Origin;
        if (header.Count == 0) return true;
        if (header.Count > 1 || Normalize(header[0]) is not { } origin) return false;
        // Scheme and host are the client's own: the trusted gateway hands them on, and nobody else's forwarded headers are believed.
        return _configured.Contains(origin) || origin == Normalize($"{request.Scheme}://{request.Host.Value}");
    }

    // Scheme, host and port, lower-case, the default port left out; null for "null" and whatever else is no web origin.
    private static string? Normalize(string? origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0
            ? uri.GetLeftPart(UriPartial.Authority)
            : null;
}
