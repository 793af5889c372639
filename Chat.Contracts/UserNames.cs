using System.Buffers;
using System.Text;

namespace Chat.Contracts;

/// <summary>User names (3–32 of <c>a-z 0-9 _ - .</c>, stored lower-case), display names and user ids.</summary>
public static class UserNames
{
    public const int MinLength = 3;
    public const int MaxLength = 32;
    public const int MaxUserIdLength = 128;
    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-.");

    /// <summary>Lower-cases <paramref name="name"/>; null when it is not a valid user name.</summary>
    public static string? Normalize(string? name)
    {
        if (name is not { Length: >= MinLength and <= MaxLength } || !Ascii.IsValid(name)) return null;
        var lower = name.ToLowerInvariant();
        return lower.AsSpan().ContainsAnyExcept(Allowed) ? null : lower;
    }

    /// <summary>The name for a token's <c>name</c> claim: lower-cased, other characters as <c>_</c>, brought to a valid length.</summary>
    public static string FromClaim(string name)
    {
        var builder = new StringBuilder(MaxLength);
        foreach (var c in name.ToLowerInvariant().AsSpan()[..Math.Min(name.Length, MaxLength)])
            builder.Append(Allowed.Contains(c) ? c : '_');
        while (builder.Length < MinLength) builder.Append('_');
        return builder.ToString();
    }

    /// <summary>True for 1–128 printable ASCII characters that do not claim to be a key or a hook.</summary>
    public static bool IsValidUserId(string? userId) =>
        userId is { Length: >= 1 and <= MaxUserIdLength }
        && !userId.AsSpan().ContainsAnyExceptInRange('!', '~')
        && !userId.StartsWith("key.", StringComparison.Ordinal) && !userId.StartsWith("hook.", StringComparison.Ordinal);

    /// <summary>True for up to 64 characters without control, direction or other invisible characters and not blank.</summary>
    public static bool IsValidDisplayName(string? name)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > ProtocolLimits.MaxDisplayNameLength) return false;
        foreach (var rune in name.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar) return false; // also what an unpaired surrogate becomes
            var category = Rune.GetUnicodeCategory(rune);
            if (category is System.Globalization.UnicodeCategory.Control or System.Globalization.UnicodeCategory.Format
                or System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator) return false;
        }
        return true;
    }
}
