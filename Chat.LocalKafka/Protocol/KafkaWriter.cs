using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Chat.LocalKafka.Protocol;

/// <summary>
/// Writes the primitive types of the protocol into one pooled buffer, whose first 4 bytes are the length of the frame.
/// Disposing returns the buffer: whoever holds the writer owns it.
/// </summary>
internal sealed class KafkaWriter : IDisposable
{
    private const int LengthPrefix = 4;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(512);

    public bool Flexible { get; set; }

    public int Position { get; private set; } = LengthPrefix;

    public void Dispose()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    /// <summary>Forgets what was written after a position, so that an answer can be built again.</summary>
    public void Rewind(int position) => Position = position;

    public ReadOnlyMemory<byte> FinishFrame()
    {
        BinaryPrimitives.WriteInt32BigEndian(_buffer, Position - LengthPrefix);
        return _buffer.AsMemory(0, Position);
    }

    public void WriteInt8(sbyte value) => Advance(1)[0] = (byte)value;

    public void WriteBool(bool value) => Advance(1)[0] = value ? (byte)1 : (byte)0;

    public void WriteInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(Advance(2), value);

    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Advance(4), value);

    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(Advance(8), value);

    public void WriteError(ErrorCode code) => WriteInt16((short)code);

    public void WriteUuid(Guid value) => value.TryWriteBytes(Advance(16), bigEndian: true, out _);

    public void WriteString(string? value)
    {
        if (value is null)
        {
            WriteLength(-1, isString: true);
            return;
        }

        var length = Encoding.UTF8.GetByteCount(value);
        WriteLength(length, isString: true);
        Encoding.UTF8.GetBytes(value, Advance(length));
    }

    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        WriteLength(value.Length, isString: false);
        value.CopyTo(Advance(value.Length));
    }

    public void WriteNullBytes() => WriteLength(-1, isString: false);

    /// <summary>The number of elements that follow; -1 is a null array.</summary>
    public void WriteArrayLength(int count) => WriteLength(count, isString: false);

    public void WriteArray<T>(IReadOnlyCollection<T> items, Action<KafkaWriter, T> element)
    {
        WriteArrayLength(items.Count);
        foreach (var item in items)
            element(this, item);
    }

    /// <summary>No tagged fields: one zero byte in flexible versions.</summary>
    public void WriteTags()
    {
        if (Flexible)
            Advance(1)[0] = 0;
    }

    /// <summary>Writes bytes whose length is known only after they were produced: <paramref name="fill"/> gets room for the most and says how many it used.</summary>
    public int WriteFilledBytes<TState>(int most, TState state, FillBytes<TState> fill)
    {
        var start = Position;
        WriteLength(most, isString: false);
        var prefix = Position - start;
        var length = fill(state, Reserve(most)[..most]);
        Position = start;
        var actual = Flexible ? VarintSize((uint)length + 1) : 4;
        if (actual != prefix)
            Reserve(most + prefix).Slice(prefix, length).CopyTo(Reserve(most + prefix)[actual..]);
        WriteLength(length, isString: false);
        Position += length;
        return length;
    }

    public void WriteUnsignedVarint(uint value)
    {
        while (value >= 0x80)
        {
            Advance(1)[0] = (byte)(value | 0x80);
            value >>= 7;
        }

        Advance(1)[0] = (byte)value;
    }

    private static int VarintSize(uint value) => value < 1u << 7 ? 1 : value < 1u << 14 ? 2 : value < 1u << 21 ? 3 : value < 1u << 28 ? 4 : 5;

    private void WriteLength(int length, bool isString)
    {
        if (Flexible)
            WriteUnsignedVarint((uint)(length + 1));
        else if (isString)
            WriteInt16((short)length);
        else
            WriteInt32(length);
    }

    private Span<byte> Advance(int count)
    {
        var span = Reserve(count)[..count];
        Position += count;
        return span;
    }

    private Span<byte> Reserve(int count)
    {
        if (_buffer.Length - Position < count)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, Position + count));
            _buffer.AsSpan(0, Position).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        return _buffer.AsSpan(Position);
    }
}

internal delegate int FillBytes<in TState>(TState state, Span<byte> room);
