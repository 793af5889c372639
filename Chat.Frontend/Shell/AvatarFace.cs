using System.Globalization;
using System.Text;
using Chat.Contracts;

namespace Chat.Frontend.Shell;

/// <summary>How a person without a picture looks: always the same tint, and initials.</summary>
public static class AvatarFace
{
    private const int Tints = 8;

    /// <summary>1–8, by a hash of the user id that is the same on every server and at every start.</summary>
    public static int Tint(string userId)
    {
        var hash = 2166136261u; // FNV-1a
        foreach (var c in userId) hash = (hash ^ c) * 16777619u;
        return (int)(hash % Tints) + 1;
    }

    /// <summary>First letters of two words; one character where the script writes words in one, and where there is no room for two.</summary>
    public static string Initials(string name, int most)
    {
        var initials = new StringBuilder();
        var count = 0;
        foreach (var word in name.Split([' ', '-', '_', '.'], StringSplitOptions.RemoveEmptyEntries))
        {
            var first = StringInfo.GetNextTextElement(word);
            var rune = Rune.GetRuneAt(first, 0);
            if (!Rune.IsLetterOrDigit(rune) && count > 0) continue;
            if (count > 0 && IsIdeographic(rune)) break;
            initials.Append(first.ToUpperInvariant());
            if (++count == most || IsIdeographic(rune)) break;
        }
        return initials.Length == 0 ? "?" : initials.ToString();
    }

    /// <summary>The user id as part of an element's id.</summary>
    public static string Slug(string userId) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(userId));

    /// <summary>Class of the presence dot.</summary>
    public static string Dot(string status) => status switch
    {
        PresenceStatus.Online => "on",
        PresenceStatus.Away => "away",
        _ => "off",
    };

    // Han, kana, hangul.
    private static bool IsIdeographic(Rune rune) => rune.Value is >= 0x2E80 and <= 0x9FFF or >= 0xAC00 and <= 0xD7AF or >= 0x20000 and <= 0x3FFFF;
}
