using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Log;

/// <summary>What leaves a partition: segments by age and size, and records that an administrator deletes.</summary>
internal sealed partial class PartitionLog
{
    private static readonly TimeSpan UnloadAfter = TimeSpan.FromMinutes(1);

    public long SizeInBytes
    {
        get
        {
            lock (_gate)
                return _segments.Sum(s => s.Size);
        }
    }

    /// <summary>Deletes segments that are too old or too many, forgets silent producers and frees what closed segments hold in memory.</summary>
    public void ApplyRetention(TimeSpan forgetProducersAfter)
    {
        lock (_gate)
        {
            if (_closed || _failure is not null)
                return;
            var now = Now();
            _producers.Expire(now - (long)forgetProducersAfter.TotalMilliseconds);
            try
            {
                // First what needs no new file: on a full disk it makes the room for the rest.
                DropUpTo(FirstKept(now));
                if (IsActiveOld(now))
                {
                    Roll();
                    DropUpTo(FirstKept(now));
                }
            }
            catch (StorageFailedException failure)
            {
                Close(failure);
            }
            catch (IOException failure)
            {
                Log.DeletionFailed(_log, _directory, failure.Message);
            }

            foreach (var segment in _segments.SkipLast(1))
            {
                if (Environment.TickCount64 - segment.LastUsed > UnloadAfter.TotalMilliseconds)
                    segment.Unload();
            }
        }
    }

    /// <summary>Raises the log start offset, durably. -1 means the high watermark.</summary>
    public (ErrorCode Error, long LogStart) DeleteRecords(long before)
    {
        lock (_gate)
        {
            if (_closed)
                return (ErrorCode.UnknownTopicOrPartition, -1);
            if (before == -1)
                before = HighWatermark;
            if (before < 0 || before > HighWatermark)
                return (ErrorCode.OffsetOutOfRange, -1);
            if (_failure is not null)
                return (ErrorCode.KafkaStorageError, -1);
            try
            {
                if (before > LogStart)
                {
                    var old = LogStart;
                    LogStart = before;
                    try
                    {
                        FlushActive(); // The checkpoint speaks of everything that was appended.
                        TakeCheckpoint();
                    }
                    catch (IOException)
                    {
                        LogStart = old;
                        throw;
                    }

                    DropUpTo(_segments.FindLastIndex(s => s.BaseOffset <= before));
                }

                return (ErrorCode.None, LogStart);
            }
            catch (StorageFailedException failure)
            {
                Close(failure);
                return (ErrorCode.KafkaStorageError, -1);
            }
            catch (IOException failure)
            {
                Log.DeletionFailed(_log, _directory, failure.Message);
                return (ErrorCode.KafkaStorageError, -1);
            }
        }
    }

    private bool IsActiveOld(long now) =>
        Active.Size > 0 && (IsExpired(Active, now) || now - Active.CreatedAt > Config.SegmentMs);

    /// <summary>The index of the first segment that stays. The active one always does.</summary>
    private int FirstKept(long now)
    {
        var size = _segments.Sum(s => s.Size);
        var first = 0;
        while (first < _segments.Count - 1)
        {
            var segment = _segments[first];
            var tooMuch = Config.RetentionBytes >= 0 && size - segment.Size >= Config.RetentionBytes;
            if (!tooMuch && !IsExpired(segment, now))
                break;
            size -= segment.Size;
            first++;
        }

        return first;
    }

    private bool IsExpired(Segment segment, long now)
    {
        if (Config.RetentionMs < 0)
            return false;
        var keptSince = now - Config.RetentionMs;
        // Records without a time of their own go by their arrival.
        var byArrival = Config.RetentionFromArrival || segment.MaxTimestamp < 0;
        return segment.MaxTimestamp < keptSince && (!byArrival || segment.LastWrite < keptSince);
    }

    private void DropUpTo(int firstKept)
    {
        if (firstKept <= 0)
            return;
        LogStart = Math.Max(LogStart, _segments[firstKept].BaseOffset);
        var bytes = 0L;
        foreach (var segment in _segments.Take(firstKept))
        {
            bytes += segment.Size;
            segment.Delete();
        }

        _segments.RemoveRange(0, firstKept);
        Log.SegmentsDeleted(_log, _directory, LogStart, bytes);
    }
}
