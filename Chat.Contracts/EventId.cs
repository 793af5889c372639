using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Chat.Contracts;

/// <summary>
/// Event ids. With a <c>client_id</c> the id is a hash of (sender, room, client_id), plus the UTC day unless the client_id is a
/// UUIDv7, so that every process derives the same id for a repeated send; without one it is a new UUIDv7.
/// </summary>
public static class EventId
{
    /// <summary>A new id for an event that no client can repeat.</summary>
    public static Guid New(DateTimeOffset now) => Guid.CreateVersion7(now);

    /// <summary>The id of (sender, room, client_id) when it is sent on the UTC day <paramref name="day"/> (ignored for a UUIDv7).</summary>
    public static Guid Derive(string senderId, string roomId, string clientId, DateOnly day)
    {
        var text = IsVersion7(clientId, out _)
            ? $"{senderId}\n{roomId}\n{clientId}"
            : string.Create(CultureInfo.InvariantCulture, $"{senderId}\n{roomId}\n{clientId}\n{day:yyyy-MM-dd}");
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(text), hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80); // version 8: vendor specific, RFC 9562
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }

    /// <summary>True for a UUIDv7; <paramref name="time"/> is then the moment it carries.</summary>
    public static bool IsVersion7(string clientId, out DateTimeOffset time)
    {
        time = default;
        if (clientId.Length != 36 || clientId[14] != '7' || !Guid.TryParseExact(clientId, "D", out var guid)) return false;
        Span<byte> bytes = stackalloc byte[16];
        guid.TryWriteBytes(bytes, bigEndian: true, out _);
        if ((bytes[8] & 0xC0) != 0x80) return false;
        var milliseconds = BinaryPrimitives.ReadInt64BigEndian(bytes) >>> 16;
        if (milliseconds > 253_402_300_799_999) return false; // the end of the year 9999
        time = DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
        return true;
    }
}
