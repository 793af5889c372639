using System.Buffers.Binary;
using System.Text;

namespace Chat.Tests.Transport;

/// <summary>Frames as a client sends them, and as none should.</summary>
internal static class ClientFrame
{
    public const int Continuation = 0, TextOpcode = 1, Binary = 2, CloseOpcode = 8, PingOpcode = 9, PongOpcode = 10;

    private static readonly byte[] Mask = [0x37, 0xFA, 0x21, 0x3D];

    public static byte[] Text(string text, bool fin = true) => Of(TextOpcode, Encoding.UTF8.GetBytes(text), fin);

    public static byte[] More(string text, bool fin) => Of(Continuation, Encoding.UTF8.GetBytes(text), fin);

    public static byte[] Ping(string text = "") => Of(PingOpcode, Encoding.UTF8.GetBytes(text));

    public static byte[] Close(int code, byte[]? reason = null)
    {
        var payload = new byte[2 + (reason?.Length ?? 0)];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        reason?.CopyTo(payload, 2);
        return Of(CloseOpcode, payload);
    }

    public static byte[] Of(int opcode, byte[] payload, bool fin = true, int reserved = 0, bool masked = true) =>
        [.. Header(opcode, payload.Length, payload.Length < 126 ? 0 : payload.Length <= 65_535 ? 2 : 8, fin, reserved, masked), .. masked ? payload.Select((b, i) => (byte)(b ^ Mask[i & 3])) : payload];

    /// <summary>A header alone, with its length in as many extra bytes as asked for.</summary>
    public static byte[] Header(int opcode, long length, int extended, bool fin = true, int reserved = 0, bool masked = true)
    {
        var bytes = new List<byte> { (byte)((fin ? 0x80 : 0) | (reserved << 4) | opcode), (byte)((masked ? 0x80 : 0) | (extended == 0 ? (int)length : extended == 2 ? 126 : 127)) };
        for (var i = extended - 1; i >= 0; i--) bytes.Add((byte)(length >> (8 * i)));
        if (masked) bytes.AddRange(Mask);
        return [.. bytes];
    }
}
