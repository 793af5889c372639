using System.Buffers;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Auth;

/// <summary>Section <c>Chat:Auth</c>.</summary>
public sealed class AuthOptions
{
    public const string Section = "Chat:Auth";
    public const int MinKeyBytes = 32;

    /// <summary>HS256 key of the access tokens, base64 of at least 32 bytes. Everyone who has it can be anyone.</summary>
    public string SigningKey { get; set; } = "";

    /// <summary><c>open</c> (default): everyone may register. <c>invite</c>: who knows <see cref="InviteCode"/>. <c>closed</c>: nobody.</summary>
    public string Registration { get; set; } = RegistrationModes.Open;

    /// <summary>What <c>code</c> must be in a registration while <see cref="Registration"/> is <c>invite</c>.</summary>
    public string? InviteCode { get; set; }

    /// <summary>When set, the first account (the admin) needs it in <c>code</c>. Set where the public origin can be reached from other machines.</summary>
    public string? BootstrapCode { get; set; }

    /// <summary>Whose tokens are taken beside the platform's own; by default nobody's. At most 32.</summary>
    public IList<IssuerOptions> Issuers { get; } = [];
}

/// <summary>Values of <see cref="AuthOptions.Registration"/>.</summary>
public static class RegistrationModes
{
    public const string Open = "open";
    public const string Invite = "invite";
    public const string Closed = "closed";
}

/// <summary>Refuses to start with settings that nobody could sign in with, and says what to set.</summary>
public sealed class AuthOptionsValidator : IValidateOptions<AuthOptions>
{
    private const int MaxIssuers = 32;
    private static readonly SearchValues<char> PrefixCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-");

    public ValidateOptionsResult Validate(string? name, AuthOptions options)
    {
        var key = new byte[options.SigningKey.Length];
        if (!Convert.TryFromBase64String(options.SigningKey, key, out var length) || length < AuthOptions.MinKeyBytes)
            return ValidateOptionsResult.Fail(
                $"Chat:Auth:SigningKey must be base64 of at least {AuthOptions.MinKeyBytes} random bytes; make one with: openssl rand -base64 32");
        if (options.Registration is not (RegistrationModes.Open or RegistrationModes.Invite or RegistrationModes.Closed))
            return ValidateOptionsResult.Fail("Chat:Auth:Registration must be open, invite or closed");
        if (options.Registration is RegistrationModes.Invite && string.IsNullOrEmpty(options.InviteCode))
            return ValidateOptionsResult.Fail("Chat:Auth:Registration is invite, so Chat:Auth:InviteCode must be set to the code that invited people give");
        var refused = options.Issuers.Count > MaxIssuers
            ? $"Chat:Auth:Issuers has {options.Issuers.Count} entries; the most is {MaxIssuers}"
            : options.Issuers.Select((issuer, i) => Refuse($"Chat:Auth:Issuers:{i}", issuer, options.Issuers)).FirstOrDefault(refusal => refusal is not null);
        return refused is null ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(refused);
    }

    private static string? Refuse(string key, IssuerOptions issuer, IList<IssuerOptions> all)
    {
        if (issuer.Issuer.Length == 0 || issuer.Issuer == AccessTokens.Issuer) return $"{key}:Issuer must be the iss of the foreign tokens, not empty and not \"{AccessTokens.Issuer}\"";
        if (!Uri.TryCreate(issuer.JwksUri, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && !(uri.Scheme == Uri.UriSchemeHttp && IssuerOptions.MayBePlain(uri))))
            return $"{key}:JwksUri must be the https address of the issuer's key set, e.g. https://login.example.org/.well-known/jwks.json";
        if (issuer.Audience.Length == 0) return $"{key}:Audience must be the aud that the tokens have: without it a token for any other application would do";
        if (issuer.Prefix is not { Length: >= 1 and <= 32 } || issuer.Prefix.AsSpan().ContainsAnyExcept(PrefixCharacters) || issuer.Prefix is "key" or "hook" or "dm")
            return $"{key}:Prefix must be 1-32 of a-z 0-9 _ -, and none of key, hook, dm: the users of this issuer are named prefix.sub";
        if (all.Count(other => other.Issuer == issuer.Issuer || other.Prefix == issuer.Prefix) > 1) return $"{key}: issuer and prefix must differ from those of every other entry";
        return null;
    }
}
