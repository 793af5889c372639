namespace Chat.LocalKafka.Log;

/// <summary>How a partition opens, closes after a failure, starts a new segment and drops old ones. All under the partition's lock.</summary>
internal sealed partial class PartitionLog
{
    private void Open()
    {
        var recovered = PartitionRecovery.Recover(_directory, _checkpoints.TryRead(), _producers, Now(), _log);
        _openings++;
        _segments = recovered.Segments;
        LogStart = recovered.LogStart;
        _nextOffset = recovered.NextOffset;
        HighWatermark = recovered.NextOffset;
        _durablePosition = Active.Size;
        _readableBytes = _appendedBytes;
        _commit.Reset(_nextOffset);
    }

    private void Close(StorageFailedException failure)
    {
        _failure = failure;
        _failedAt = _time.GetTimestamp();
        Log.Closed(_log, _directory, (failure.InnerException ?? failure).Message);
        _commit.Fail(failure);
    }

    /// <summary>
    /// After a failed flush the kernel may have dropped pages that it calls clean, so what lies behind the high watermark is
    /// discarded: nobody was told about it. Tried when a producer comes, at most once a second.
    /// </summary>
    private bool TryReopen()
    {
        if (_time.GetElapsedTime(_failedAt) < ReopenAfter)
            return false;
        _failedAt = _time.GetTimestamp();
        try
        {
            Active.CutAt(_durablePosition);
            foreach (var segment in _segments)
                segment.Close();
            Open();
        }
        catch (IOException failure)
        {
            Log.Closed(_log, _directory, failure.Message);
            return false;
        }

        _failure = null;
        Log.Reopened(_log, _directory, _nextOffset);
        return true;
    }

    private void Roll()
    {
        FlushActive();
        var next = new Segment(_directory, _nextOffset) { CreatedAt = Now() };
        Durable.Flush(next.File);
        Durable.FlushDirectory(_directory);
        var closed = Active;
        _segments.Add(next);
        _durablePosition = 0;
        try
        {
            SegmentIndexFile.Write(closed);
            TakeCheckpoint();
        }
        catch (IOException failure)
        {
            Log.CheckpointFailed(_log, _directory, failure.Message);
        }
    }

    private byte[] SerializeCheckpoint()
    {
        _checkpointsTaken++;
        _bytesSinceCheckpoint = 0;
        return new PartitionCheckpoint(
            LogStart, Active.BaseOffset, Active.Size, _nextOffset, Active.MaxTimestamp, Active.Index.Entries, [.. _producers.All]).Serialize();
    }

    private void TakeCheckpoint() => _checkpoints.Write(_checkpointsTaken + 1, SerializeCheckpoint());

    private void WriteDueCheckpoint()
    {
        if (_dueCheckpoint is not { } due)
            return;
        _dueCheckpoint = null;
        try
        {
            _checkpoints.Write(due.Taken, due.Content);
        }
        catch (IOException failure)
        {
            Log.CheckpointFailed(_log, _directory, failure.Message);
        }
    }
}
