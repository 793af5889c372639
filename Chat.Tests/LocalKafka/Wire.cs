using System.Buffers.Binary;
using System.Text;

namespace Chat.Tests.LocalKafka;

/// <summary>Writes protocol types, without the code under test.</summary>
internal sealed class WireWriter(bool compact = false)
{
    private readonly MemoryStream _bytes = new();

    public byte[] ToArray() => _bytes.ToArray();

    public WireWriter Int8(sbyte value) => Raw([(byte)value]);

    public WireWriter Bool(bool value) => Int8(value ? (sbyte)1 : (sbyte)0);

    public WireWriter Int16(short value) => Raw([(byte)(value >> 8), (byte)value]);

    public WireWriter Int32(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return Raw(bytes);
    }

    public WireWriter Int64(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return Raw(bytes);
    }

    public WireWriter Text(string? value)
    {
        var bytes = value is null ? null : Encoding.UTF8.GetBytes(value);
        if (compact)
            Varint((uint)(bytes?.Length + 1 ?? 0));
        else
            Int16((short)(bytes?.Length ?? -1));
        return bytes is null ? this : Raw(bytes);
    }

    public WireWriter Bytes(byte[]? value)
    {
        Count(value?.Length ?? -1);
        return value is null ? this : Raw(value);
    }

    public WireWriter Count(int count)
    {
        if (compact)
            Varint((uint)(count + 1));
        else
            Int32(count);
        return this;
    }

    public WireWriter Tags()
    {
        if (compact)
            Raw([0]);
        return this;
    }

    public WireWriter Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    private void Varint(uint value)
    {
        while (value >= 0x80)
        {
            _bytes.WriteByte((byte)(value | 0x80));
            value >>= 7;
        }

        _bytes.WriteByte((byte)value);
    }
}

/// <summary>Reads protocol types, without the code under test.</summary>
internal sealed class WireReader(byte[] bytes, bool compact = false)
{
    private int _at;

    public int Left => bytes.Length - _at;

    public sbyte Int8() => (sbyte)Take(1)[0];

    public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public Guid Uuid() => new(Take(16), bigEndian: true);

    public string? Text()
    {
        var length = compact ? Varint() - 1 : Int16();
        return length < 0 ? null : Encoding.UTF8.GetString(Take(length));
    }

    public byte[]? Bytes()
    {
        var length = Count();
        return length < 0 ? null : Take(length).ToArray();
    }

    public int Count() => compact ? Varint() - 1 : Int32();

    public void Tags()
    {
        if (compact)
            Assert.Equal(0, Varint());
    }

    private int Varint()
    {
        var value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = Take(1)[0];
            value |= (next & 0x7f) << shift;
            if (next < 0x80)
                return value;
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        var taken = bytes.AsSpan(_at, count);
        _at += count;
        return taken;
    }
}
