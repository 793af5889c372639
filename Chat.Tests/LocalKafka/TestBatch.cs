using System.Buffers.Binary;
using System.Text;

namespace Chat.Tests.LocalKafka;

/// <summary>Builds record batches of format 2 byte by byte, without the code under test.</summary>
internal sealed record TestBatch
{
    public string[] Values { get; init; } = ["value"];

    public long[]? Timestamps { get; init; }

    public long ProducerId { get; init; } = -1;

    public short ProducerEpoch { get; init; } = -1;

    public int BaseSequence { get; init; } = -1;

    public short Attributes { get; init; }

    public static TestBatch Of(params string[] values) => new() { Values = values };

    public static TestBatch From(long producerId, int baseSequence, params string[] values) =>
        new() { Values = values, ProducerId = producerId, ProducerEpoch = 0, BaseSequence = baseSequence };

    public byte[] ToBytes()
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        var times = Timestamps ?? [.. Values.Select(_ => now)];
        var records = new MemoryStream();
        for (var i = 0; i < Values.Length; i++)
        {
            var record = new MemoryStream();
            record.WriteByte(0);
            Varint(record, times[i] - times[0]);
            Varint(record, i);
            Varint(record, -1); // No key.
            var value = Encoding.UTF8.GetBytes(Values[i]);
            Varint(record, value.Length);
            record.Write(value);
            Varint(record, 0); // No headers.
            Varint(records, record.Length);
            record.WriteTo(records);
        }

        var bytes = new byte[61 + records.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), bytes.Length - 12);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(12), -1);
        bytes[16] = 2;
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(21), Attributes);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(23), Values.Length - 1);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(27), times[0]);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(35), times.Max());
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(43), ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(51), ProducerEpoch);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(53), BaseSequence);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(57), Values.Length);
        records.ToArray().CopyTo(bytes, 61);
        return Sign(bytes);
    }

    /// <summary>Writes the checksum, bit by bit: slow and hard to get wrong.</summary>
    public static byte[] Sign(byte[] batch)
    {
        var crc = uint.MaxValue;
        foreach (var value in batch.AsSpan(21))
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
        }

        BinaryPrimitives.WriteUInt32BigEndian(batch.AsSpan(17), ~crc);
        return batch;
    }

    private static void Varint(MemoryStream stream, long value)
    {
        var raw = (ulong)((value << 1) ^ (value >> 63));
        while (raw >= 0x80)
        {
            stream.WriteByte((byte)(raw | 0x80));
            raw >>= 7;
        }

        stream.WriteByte((byte)raw);
    }
}
