using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Data.Writing;
using Confluent.Kafka;

namespace Chat.Persister;

/// <summary>A record for the dead letters.</summary>
internal sealed record DeadRecord(byte[]? Key, byte[]? Value, Headers? Headers, string Reason, string Origin);

/// <summary>
/// Records in log order, and the stretch of each partition that they stand for: with all of them persisted, everything below the end of each stretch is.
/// </summary>
/// <param name="start">What the records were read under; a later one reads them again.</param>
internal sealed class RecordBatch(ReadingStart start)
{
    private readonly Dictionary<int, LogRange> _ranges = [];

    public ReadingStart Start { get; } = start;

    public List<LogRecord> Records { get; } = [];

    /// <summary>Sent before anything is written, then removed.</summary>
    public List<DeadRecord> Dead { get; } = [];

    public IReadOnlyList<LogRange> Ranges => [.. _ranges.Values.OrderBy(range => range.Partition)];

    public int Count { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>The first batch of a start: without a record, since a partition whose log has nothing new is opened too.</summary>
    public static RecordBatch First(ReadingStart start)
    {
        var batch = new RecordBatch(start);
        foreach (var offset in start.Offsets.Where(offset => offset.Offset.Value >= 0))
            batch._ranges[offset.Partition.Value] = new LogRange(offset.Partition.Value, offset.Offset.Value, offset.Offset.Value);
        return batch;
    }

    /// <summary>Adds what was read; <paramref name="from"/> is the offset up to which everything before it was read.</summary>
    public void Add(ConsumeResult<byte[]?, byte[]?> consumed, long from)
    {
        var (record, fault) = LogRecordReader.Read(consumed);
        if (record is not null)
            Records.Add(record);
        if (fault is not null)
            Dead.Add(new DeadRecord(consumed.Message.Key, consumed.Message.Value, consumed.Message.Headers, fault, $"{consumed.Topic}[{consumed.Partition.Value}]@{consumed.Offset.Value}"));
        var partition = consumed.Partition.Value;
        var next = consumed.Offset.Value + 1;
        _ranges[partition] = _ranges.TryGetValue(partition, out var range) ? range with { To = next } : new LogRange(partition, from, next);
        Count++;
        Bytes += consumed.Message.Value?.Length ?? 0;
    }
}

/// <summary>A record and its number.</summary>
/// <param name="HasDeliveredBytes">
/// True when the record certainly is what was delivered under the number, byte for byte: it was compared with the hot stream, or this process has given the number
/// to it just now. Id and time alone do not say so: two tries of a send can have both in common, to the millisecond, and yet not the content.
/// </param>
internal readonly record struct NumberedRecord(LogRecord Record, EventNumber Number, bool IsPersisted, bool HasDeliveredBytes = false)
{
    public long Seq => Number.Seq;

    /// <summary>
    /// Whether the record has the bytes that were delivered under the number, as far as can be told without them. A send that was tried twice stands in the
    /// log twice, each try with a time of its own, and either of the two may have got the number.
    /// </summary>
    public bool WasDelivered => IsSameSend && Number.TimestampMs == Record.Event.TimestampMs;

    /// <summary>False when the number belongs to another id of the same send.</summary>
    public bool IsSameSend => Number.EventId == Record.Event.EventId;

    public NumberedEvent Event => new(Number.Seq, Number.Epoch, Record.Event.Body);
}

/// <summary>A batch in which every event has a number, as of <paramref name="Epoch"/>.</summary>
internal sealed record NumberedBatch(RecordBatch Batch, int Epoch, IReadOnlyList<NumberedRecord> Records);
