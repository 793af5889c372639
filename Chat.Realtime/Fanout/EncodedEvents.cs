using System.Buffers;
using Chat.Contracts;
using Chat.Realtime.Connections;
using Chat.Realtime.Transport;

namespace Chat.Realtime.Fanout;

/// <summary>
/// Consecutive events of one room, encoded once for all who get them: one behind the other in one buffer, each with its WebSocket frame header
/// in front. Who has a direct socket gets the buffer as it is; who has not gets the payloads in it.
/// </summary>
internal sealed class EncodedEvents
{
    private readonly byte[] _buffer;
    private readonly Entry[] _entries;

    public EncodedEvents(params ReadOnlySpan<NumberedEvent> events)
    {
        var room = 0;
        foreach (var numbered in events) room += WireFrames.MaxHeader + numbered.MaxDeliveredLength;
        _buffer = GC.AllocateUninitializedArray<byte>(room);
        _entries = new Entry[events.Length];
        var end = 0;
        for (var i = 0; i < events.Length; i++)
        {
            var payload = _buffer.AsSpan(end + WireFrames.MaxHeader);
            var length = events[i].WriteDelivered(payload);
            var header = WireFrames.HeaderLength(length);
            if (header < WireFrames.MaxHeader) payload[..length].CopyTo(_buffer.AsSpan(end + header));
            WireFrames.WriteHeader(_buffer.AsSpan(end), FrameKind.Event, length);
            _entries[i] = new Entry(end, header, length, events[i].Seq, Envelopes.TimestampOf(events[i].Body.Span));
            end += header + length;
        }
        WireLength = end;
    }

    public int Count => _entries.Length;
    public int WireLength { get; }
    public long LastSeq => _entries[^1].Seq;

    /// <summary>Index of the first event above <paramref name="seq"/>; <see cref="Count"/> when there is none.</summary>
    public int FirstAfter(long seq)
    {
        var index = 0;
        while (index < Count && _entries[index].Seq <= seq) index++;
        return index;
    }

    public long SeqOf(int index) => _entries[index].Seq;
    public long AcceptedAtMsOf(int index) => _entries[index].AcceptedAtMs;
    public ReadOnlyMemory<byte> PayloadOf(int index) => _buffer.AsMemory(_entries[index].Start + _entries[index].Header, _entries[index].Length);
    public int WireLengthOf(int index) => _entries[index].Header + _entries[index].Length;

    /// <summary>Keeps the bytes where they are.</summary>
    public MemoryHandle Pin() => _buffer.AsMemory().Pin();

    /// <summary>The frames from <paramref name="index"/> on.</summary>
    public ReadOnlySpan<byte> WireFrom(int index) => _buffer.AsSpan(_entries[index].Start, WireLength - _entries[index].Start);

    private readonly record struct Entry(int Start, int Header, int Length, long Seq, long AcceptedAtMs);
}
