using System.Buffers.Binary;
using System.Text;
using Chat.Contracts;

namespace Chat.Benchmarks;

/// <summary>A message of ordinary size in each of its forms.</summary>
internal static class Samples
{
    /// <summary>The text of a message, 200 bytes.</summary>
    public static readonly string Content = string.Concat(Enumerable.Repeat("All of it arrives, in order, and once. ", 6))[..200];

    /// <summary>A <c>chat_message</c> command as a client sends it.</summary>
    public static readonly byte[] Command = Encoding.UTF8.GetBytes(
        $"{{\"event_type\":\"chat_message\",\"id\":17,\"room_id\":\"general\",\"client_id\":\"0199f3c2-4b7e-7d31-8a55-3c1be0c4d9a2\",\"content\":\"{Content}\"}}");

    /// <summary>The event that it becomes, without its position.</summary>
    public static readonly ChatEvent Event = new()
    {
        EventType = EventTypes.ChatMessage,
        EventId = "0199f3c2-4b7e-7d31-8a55-3c1be0c4d9a2",
        RoomId = "general",
        SenderId = "0199f3c2-0000-7d31-8a55-3c1be0c4d9a2",
        SenderName = "amara",
        Content = Content,
        ClientId = "0199f3c2-4b7e-7d31-8a55-3c1be0c4d9a2",
        Timestamp = new DateTimeOffset(2026, 11, 24, 9, 31, 7, 123, TimeSpan.Zero),
    };

    /// <summary>A masked text frame (RFC 6455) with <paramref name="payload"/>.</summary>
    public static byte[] MaskedFrame(byte[] payload)
    {
        byte[] mask = [0x37, 0xfa, 0x21, 0x3d];
        var frame = new byte[8 + payload.Length];
        frame[0] = 0x81;
        frame[1] = 0x80 | 126; // the samples are between 126 and 65,535 bytes
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)payload.Length);
        mask.CopyTo(frame, 4);
        for (var i = 0; i < payload.Length; i++) frame[8 + i] = (byte)(payload[i] ^ mask[i & 3]);
        return frame;
    }
}
