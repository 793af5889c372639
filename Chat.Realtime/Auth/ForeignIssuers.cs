using System.Collections.Frozen;
using System.Net;
using Chat.Contracts;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Tokens;

namespace Chat.Realtime.Auth;

/// <summary>
/// Tokens of the issuers that the operator trusts beside the platform itself. Each has its own keys, fetched from the one address that the
/// operator gave (nothing in a token leads to a request elsewhere), public-key algorithms only, and a prefix before its users' ids: a foreign
/// <c>sub</c> takes over nobody.
/// </summary>
public sealed class ForeignIssuers : IDisposable
{
    private const int MaxKeySetBytes = 256 * 1024;
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(5);
    // An unknown key id asks for the keys again, but a flood of invented ones does not become a flood of requests.
    private static readonly TimeSpan MinRefetch = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http = new() { Timeout = FetchTimeout, MaxResponseContentBufferSize = MaxKeySetBytes };
    private readonly FrozenDictionary<string, Issuer> _issuers;

    // The library's default answers with the old keys while it fetches the new ones, and the first token of a new key would be refused.
    static ForeignIssuers() => AppContext.SetSwitch("Switch.Microsoft.IdentityModel.UpdateConfigAsBlocking", true);

    public ForeignIssuers(IOptions<AuthOptions> options) =>
        _issuers = options.Value.Issuers.ToFrozenDictionary(issuer => issuer.Issuer, issuer => new Issuer(issuer, Keys(issuer)), StringComparer.Ordinal);

    /// <summary>Whether the tokens of <paramref name="issuer"/> are to be checked here.</summary>
    public bool Know(string issuer) => _issuers.ContainsKey(issuer);

    /// <summary>The token once it is verified, with the prefix of its users; null when it is not valid.</summary>
    /// <param name="token">A token of a known issuer.</param>
    /// <param name="handler">Parses and verifies.</param>
    /// <param name="common">The rules for tokens of any issuer: lifetime and type.</param>
    /// <param name="cancellationToken">Nobody waits any more.</param>
    /// <exception cref="ChatException"><c>unavailable</c>: the issuer's keys were never read and cannot be read now.</exception>
    public async Task<(JsonWebToken Token, string Prefix)?> ValidateAsync(
        JsonWebToken token, JsonWebTokenHandler handler, TokenValidationParameters common, CancellationToken cancellationToken)
    {
        var issuer = _issuers[token.Issuer];
        for (var refetched = false; ; refetched = true)
        {
            var keys = await issuer.KeysAsync(cancellationToken);
            var rules = common.Clone();
            rules.ValidIssuer = issuer.Settings.Issuer;
            rules.ValidAudience = issuer.Settings.Audience;
            rules.IssuerSigningKey = null;
            rules.IssuerSigningKeys = keys.GetSigningKeys();
            rules.ValidAlgorithms =
            [
                SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
                SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
                SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
            ];
            var result = await handler.ValidateTokenAsync(token, rules);
            if (result is { IsValid: true, SecurityToken: JsonWebToken valid }) return (valid, issuer.Settings.Prefix);
            if (refetched || result.Exception is not SecurityTokenSignatureKeyNotFoundException) return null;
            issuer.Refetch(); // the issuer may have changed its keys
        }
    }

    public void Dispose() => _http.Dispose();

    private ConfigurationManager<JsonWebKeySet> Keys(IssuerOptions issuer) => new(
        issuer.JwksUri, new KeySetRetriever(), new HttpDocumentRetriever(_http) { RequireHttps = !IssuerOptions.MayBePlain(new Uri(issuer.JwksUri)) })
    {
        RefreshInterval = MinRefetch,
    };

    private sealed class Issuer(IssuerOptions settings, ConfigurationManager<JsonWebKeySet> keys)
    {
        public IssuerOptions Settings { get; } = settings;

        public async Task<JsonWebKeySet> KeysAsync(CancellationToken cancellationToken)
        {
            try
            {
                return await keys.GetConfigurationAsync(cancellationToken);
            }
            catch (InvalidOperationException)
            {
                throw new ChatException(ErrorCodes.Unavailable, "The token cannot be checked now: its issuer's keys cannot be read.", 1_000);
            }
        }

        public void Refetch() => keys.RequestRefresh();
    }

    private sealed class KeySetRetriever : IConfigurationRetriever<JsonWebKeySet>
    {
        public async Task<JsonWebKeySet> GetConfigurationAsync(string address, IDocumentRetriever retriever, CancellationToken cancel) =>
            new(await retriever.GetDocumentAsync(address, cancel));
    }
}

/// <summary>One entry of <c>Chat:Auth:Issuers</c>: whose tokens are taken beside the platform's own. All four are required.</summary>
public sealed class IssuerOptions
{
    /// <summary>The <c>iss</c> of its tokens, letter by letter.</summary>
    public string Issuer { get; set; } = "";

    /// <summary>Where its public keys are (a JSON Web Key Set): https, or http on this machine.</summary>
    public string JwksUri { get; set; } = "";

    /// <summary>The <c>aud</c> that its tokens must have.</summary>
    public string Audience { get; set; } = "";

    /// <summary>Its users are <c>prefix.sub</c> here. 1–32 of <c>a-z 0-9 _ -</c>, another for every issuer.</summary>
    public string Prefix { get; set; } = "";

    internal static bool MayBePlain(Uri uri) => uri.IsLoopback && IPAddress.TryParse(uri.Host.Trim('[', ']'), out _) || uri.Host == "localhost";
}
