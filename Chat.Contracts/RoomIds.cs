using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Chat.Contracts;

/// <summary>Room ids: 1–64 of <c>a-z 0-9 _ - .</c>; those of direct rooms are <c>dm.</c> and a hash of both user ids.</summary>
public static class RoomIds
{
    public const int MaxLength = 64;
    private const string DirectPrefix = "dm.";
    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-.");

    public static bool IsValid(string? roomId) =>
        roomId is { Length: >= 1 and <= MaxLength } && !roomId.AsSpan().ContainsAnyExcept(Allowed);

    public static bool IsDirect(string roomId) => roomId.StartsWith(DirectPrefix, StringComparison.Ordinal);

    /// <summary>The direct room of two users, the same whichever is named first.</summary>
    public static string Direct(string userA, string userB)
    {
        var (first, second) = string.CompareOrdinal(userA, userB) <= 0 ? (userA, userB) : (userB, userA);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{first.Length}:{first}{second}"));
        return DirectPrefix + Convert.ToHexStringLower(hash.AsSpan(0, 20));
    }

    /// <summary>An id for a room that was created without one.</summary>
    public static string New() => Convert.ToHexStringLower(Guid.CreateVersion7().ToByteArray(bigEndian: true));
}
