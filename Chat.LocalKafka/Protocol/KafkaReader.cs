using System.Buffers.Binary;
using System.Text;

namespace Chat.LocalKafka.Protocol;

/// <summary>
/// Reads the primitive types of the protocol from one request. Never reads past its bytes and never allocates by a length that
/// the bytes do not cover: a lie about a length is a <see cref="MalformedRequestException"/>.
/// </summary>
/// <remarks>With <see cref="Flexible"/> set, strings, bytes and arrays have the compact form and structures end with tagged fields.</remarks>
internal sealed class KafkaReader(Memory<byte> data)
{
    private static readonly UTF8Encoding Utf8 = new(false, throwOnInvalidBytes: true);

    private int _position;

    public bool Flexible { get; set; }

    public int Remaining => data.Length - _position;

    public byte ReadByte() => Take(1)[0];

    public sbyte ReadInt8() => (sbyte)Take(1)[0];

    public bool ReadBool() => Take(1)[0] != 0;

    public short ReadInt16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int ReadInt32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long ReadInt64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public Guid ReadUuid() => new(Take(16), bigEndian: true);

    public string ReadString() => ReadNullableString() ?? throw new MalformedRequestException("A string that must not be null is null.");

    public string? ReadNullableString()
    {
        var length = Flexible ? ReadCompactLength() : ReadInt16();
        return length < 0 ? null : Decode(Take(length));
    }

    /// <summary>The client id of a request header has the old form in every version.</summary>
    public string? ReadNullableClassicString()
    {
        var length = ReadInt16();
        return length < 0 ? null : Decode(Take(length));
    }

    public byte[] ReadBytes() =>
        ReadNullableBytes()?.ToArray() ?? throw new MalformedRequestException("Bytes that must not be null are null.");

    /// <summary>A slice of the request itself: valid until the request is answered.</summary>
    public Memory<byte>? ReadNullableBytes()
    {
        var length = Flexible ? ReadCompactLength() : ReadInt32();
        if (length < 0)
            return null;
        if (length > Remaining)
            throw new MalformedRequestException($"{length} bytes are announced, {Remaining} are left.");
        var slice = data.Slice(_position, length);
        _position += length;
        return slice;
    }

    /// <summary>The number of elements that follow, or -1 for a null array.</summary>
    public int ReadArrayLength()
    {
        var count = Flexible ? ReadCompactLength() : ReadInt32();
        // Every element takes at least one byte.
        if (count > Remaining)
            throw new MalformedRequestException($"An array of {count} elements is announced, {Remaining} bytes are left.");
        return Math.Max(count, -1);
    }

    /// <summary>Reads an array; a null array reads as null.</summary>
    public T[]? ReadNullableArray<T>(Func<KafkaReader, T> element)
    {
        var count = ReadArrayLength();
        if (count < 0)
            return null;
        // Grown as elements are read: the count is a claim, and an element can be larger in memory than on the wire.
        var items = new List<T>(Math.Min(count, 1024));
        for (var i = 0; i < count; i++)
            items.Add(element(this));
        return [.. items];
    }

    public T[] ReadArray<T>(Func<KafkaReader, T> element) => ReadNullableArray(element) ?? [];

    /// <summary>Skips the tagged fields at the end of a structure: none of them changes what this broker does.</summary>
    public void SkipTags()
    {
        if (!Flexible)
            return;
        var count = ReadUnsignedVarint();
        for (var i = 0u; i < count; i++)
        {
            ReadUnsignedVarint();
            var size = ReadUnsignedVarint();
            if (size > Remaining)
                throw new MalformedRequestException("A tagged field is longer than its request.");
            _position += (int)size;
        }
    }

    public uint ReadUnsignedVarint()
    {
        uint value = 0;
        for (var shift = 0; shift < 35; shift += 7)
        {
            var next = ReadByte();
            value |= (uint)(next & 0x7f) << shift;
            if ((next & 0x80) == 0)
                return value;
        }

        throw new MalformedRequestException("A varint is longer than 5 bytes.");
    }

    private int ReadCompactLength()
    {
        var value = ReadUnsignedVarint();
        if (value > int.MaxValue)
            throw new MalformedRequestException("A compact length is over 2 GiB.");
        return (int)value - 1;
    }

    private static string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Utf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw new MalformedRequestException("A string is not UTF-8.");
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > data.Length - _position)
            throw new MalformedRequestException($"{count} bytes are needed, {data.Length - _position} are left.");
        var slice = data.Span.Slice(_position, count);
        _position += count;
        return slice;
    }
}
