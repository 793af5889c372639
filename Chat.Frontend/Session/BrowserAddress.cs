using Chat.ServiceDefaults;

namespace Chat.Frontend.Session;

/// <summary>
/// Whose calls these are, in the headers that the nodes believe with the secret they share with their proxies: they count connections and
/// failed sign-ins per address, and without this every browser would share the frontend's.
/// </summary>
public sealed class BrowserAddress(IConfiguration configuration)
{
    private const string ForwardedFor = "X-Forwarded-For";

    private readonly string? _secret = configuration[TrustedProxy.SecretKey];

    /// <summary>Nothing where no secret is shared, or the address is not known.</summary>
    public IEnumerable<KeyValuePair<string, string>> Headers(string? address)
    {
        if (string.IsNullOrEmpty(_secret) || string.IsNullOrEmpty(address)) yield break;
        yield return new(TrustedProxy.SecretHeader, _secret);
        yield return new(ForwardedFor, address);
    }
}
