namespace Chat.Data.Writing;

/// <summary>How far Postgres has a room: its newest event there (0 and epoch 0 when it has none).</summary>
public readonly record struct PersistedHead(long Seq, int Epoch);

/// <summary>What is to be written of one room: the events that directly follow <paramref name="After"/>, without a hole.</summary>
public sealed record RoomCopy(string RoomId, PersistedHead After, IReadOnlyList<EventRow> Rows);

/// <summary>A stretch of a partition: offsets from <paramref name="From"/> up to, not including, <paramref name="To"/>.</summary>
public readonly record struct LogRange(int Partition, long From, long To);

/// <summary>What became of an attempt to write.</summary>
public enum WriteOutcome
{
    /// <summary>Committed, with the positions.</summary>
    Written,
    /// <summary>Another epoch is current: what was numbered in the old one has to be looked at again.</summary>
    EpochChanged,
    /// <summary>A room has moved since it was copied: copy again.</summary>
    RoomMoved,
    /// <summary>Postgres has less of the log than this process believed: read the log again from there.</summary>
    LogMoved,
}
