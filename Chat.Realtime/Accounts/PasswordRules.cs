using Chat.Contracts;

namespace Chat.Realtime.Accounts;

/// <summary>Passwords have 8–128 characters and are not the user's own name. Length is what protects; rules about characters do not (NIST SP 800-63B).</summary>
internal static class PasswordRules
{
    private const int MinLength = 8;
    private const int MaxLength = 128;

    /// <summary>The password, when it may be chosen; else <c>bad_request</c>.</summary>
    public static string Check(string? password, string userName)
    {
        if (password is not { Length: >= MinLength and <= MaxLength })
            throw new ChatException(ErrorCodes.BadRequest, $"A password has {MinLength} to {MaxLength} characters.");
        if (password.Equals(userName, StringComparison.OrdinalIgnoreCase))
            throw new ChatException(ErrorCodes.BadRequest, "The user name is no password.");
        return password;
    }
}
