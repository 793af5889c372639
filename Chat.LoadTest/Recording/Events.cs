using System.Security.Cryptography;
using System.Text;

namespace Chat.LoadTest.Recording;

/// <summary>The bytes of an event in 128 bits: two events with the same print are the same bytes.</summary>
internal readonly record struct Print(UInt128 Value)
{
    public static Print Of(string json)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(json), hash);
        return new Print(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash));
    }
}

/// <summary>A durable event as one client saw it.</summary>
internal readonly record struct EventSight(long Seq, string Epoch, string EventId, Print Print);

/// <summary>A durable event at rest, in history or in Postgres.</summary>
internal sealed record StoredEvent(
    string RoomId, long Seq, string Epoch, string EventId, string EventType, string SenderId, string? ClientId, string? Content, Print Print)
{
    public EventSight Sight => new(Seq, Epoch, EventId, Print);
}
