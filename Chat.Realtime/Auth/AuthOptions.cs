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
        return ValidateOptionsResult.Success;
    }
}
