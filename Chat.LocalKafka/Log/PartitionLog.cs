using Chat.LocalKafka.Protocol;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Chat.LocalKafka.Log;

/// <summary>The answer to one append. <see cref="Durable"/> completes when the batch is on the disk, and fails when it cannot get there.</summary>
internal readonly record struct AppendResult(ErrorCode Error, long BaseOffset, long AppendTime, long LogStart, Task Durable)
{
    public static AppendResult Refused(ErrorCode error, long logStart = -1) => new(error, -1, -1, logStart, Task.CompletedTask);
}

/// <summary>
/// One partition: append-only segments, the producers that wrote them, and the high watermark.
/// Invariants: offsets have no holes; consumers see only what is below the high watermark, and that is only what has been flushed;
/// after a failed flush nothing is accepted until the log was cut back to what is surely on the disk and opened again.
/// </summary>
internal sealed partial class PartitionLog : IDisposable
{
    /// <summary>Leaders never change on one machine.</summary>
    public const int LeaderEpoch = 0;

    /// <summary>A stop without warning replays at most about this much log per partition.</summary>
    private const long CheckpointEveryBytes = 8 * 1024 * 1024;

    private static readonly TimeSpan ReopenAfter = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Action<SafeFileHandle> _flushFile;
    private readonly CheckpointFile _checkpoints;
    private readonly ProducerStates _producers;
    private readonly GroupCommit _commit;
    private readonly List<DataSignal> _watchers = [];
    private List<Segment> _segments = [];
    /// <summary>Taken before the last flush and true since it. Touched only by the thread that flushes.</summary>
    private (long Taken, byte[] Content)? _dueCheckpoint;
    private long _checkpointsTaken;
    private long _bytesSinceCheckpoint;
    private long _appendedBytes;
    private long _readableBytes;
    private long _durablePosition;
    private long _nextOffset;
    private int _openings;
    private StorageFailedException? _failure;
    private long _failedAt;
    private bool _refusing;
    private bool _closed;

    /// <param name="flushFile">What makes a file durable; fault tests put a failing disk here.</param>
    public PartitionLog(
        string directory,
        LogConfig config,
        int maxProducers,
        Flusher flusher,
        TimeProvider time,
        ILogger log,
        Action<SafeFileHandle>? flushFile = null)
    {
        _flushFile = flushFile ?? Durable.Flush;
        _directory = directory;
        Config = config;
        _time = time;
        _log = log;
        _producers = new ProducerStates(maxProducers);
        _checkpoints = new CheckpointFile(directory);
        _commit = new GroupCommit(flusher, Flush, WriteDueCheckpoint);
        Directory.CreateDirectory(directory);
        Open();
    }

    public LogConfig Config { get; set; }

    /// <summary>The first offset that can still be read.</summary>
    public long LogStart { get; private set; }

    /// <summary>The first offset that consumers do not see yet.</summary>
    public long HighWatermark { get; private set; }

    private Segment Active => _segments[^1];

    /// <summary>Appends a validated batch, or answers a repetition with the place of the first. Patches the offset into the bytes.</summary>
    public AppendResult Append(Memory<byte> bytes, RecordBatch batch, bool awaitDurable)
    {
        AppendResult result;
        lock (_gate)
        {
            if (_closed)
                return AppendResult.Refused(ErrorCode.UnknownTopicOrPartition);
            if (_failure is not null && !TryReopen())
                return AppendResult.Refused(ErrorCode.KafkaStorageError, LogStart);
            var error = _producers.Check(batch, out var repeated);
            if (error != ErrorCode.None)
                return AppendResult.Refused(error, LogStart);
            if (repeated is { } first)
            {
                // The first one may still be on its way to the disk: the repetition waits for the same flush.
                var end = first.BaseOffset + first.LastOffsetDelta + 1;
                return new AppendResult(ErrorCode.None, first.BaseOffset, Config.AppendTime ? first.Timestamp : -1, LogStart, WaitFor(end, awaitDurable));
            }

            try
            {
                result = Write(bytes.Span, batch, awaitDurable);
            }
            catch (StorageFailedException failure)
            {
                Close(failure);
                return AppendResult.Refused(ErrorCode.KafkaStorageError, LogStart);
            }
            catch (IOException failure)
            {
                if (!_refusing)
                    Log.WriteRefused(_log, _directory, failure.Message);
                _refusing = true;
                return AppendResult.Refused(ErrorCode.KafkaStorageError, LogStart);
            }
        }

        _commit.Request();
        return result;
    }

    public void Watch(DataSignal signal)
    {
        lock (_gate)
            _watchers.Add(signal);
    }

    public void Unwatch(DataSignal signal)
    {
        lock (_gate)
            _watchers.Remove(signal);
    }

    /// <summary>Flushes everything and notes where it ended, so that the next start reads nothing again.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_closed)
                return;
            try
            {
                if (_failure is null)
                {
                    FlushActive();
                    TakeCheckpoint();
                }
            }
            catch (IOException failure)
            {
                Log.CheckpointFailed(_log, _directory, failure.Message);
            }

            End(new StorageFailedException($"{_directory} is closed."));
        }
    }

    /// <summary>The topic is deleted: no file is touched any more, and who waits hears of it.</summary>
    public void Abandon()
    {
        lock (_gate)
        {
            if (!_closed)
                End(new StorageFailedException($"{_directory} is deleted."));
        }
    }

    private void End(StorageFailedException reason)
    {
        _closed = true;
        _failure ??= reason;
        _checkpoints.Close();
        foreach (var segment in _segments)
            segment.Close();
        _commit.Fail(_failure);
        Signal(DataSignal.Everything);
    }

    private AppendResult Write(Span<byte> bytes, RecordBatch batch, bool awaitDurable)
    {
        if (Active.Size > 0 && Active.Size + bytes.Length > Config.SegmentBytes)
            Roll();
        var appendTime = -1L;
        if (Config.AppendTime)
        {
            appendTime = Now();
            batch = batch.StampAppendTime(bytes, appendTime);
        }

        batch = batch with { BaseOffset = _nextOffset };
        RecordBatch.Place(bytes, _nextOffset, LeaderEpoch);
        Active.Append(bytes, batch);
        if (_refusing)
            Log.WriteAccepted(_log, _directory);
        _refusing = false;
        _producers.Note(batch, Now());
        _nextOffset = batch.LastOffset + 1;
        _appendedBytes += bytes.Length;
        _bytesSinceCheckpoint += bytes.Length;
        return new AppendResult(ErrorCode.None, batch.BaseOffset, appendTime, LogStart, WaitFor(_nextOffset, awaitDurable));
    }

    private Task WaitFor(long end, bool awaitDurable) => awaitDurable ? _commit.WaitAsync(end, isForAnswer: true) : Task.CompletedTask;

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Called by the group commit, outside the lock while the disk works.</summary>
    private long Flush()
    {
        Segment segment;
        SafeFileHandle file;
        long end, position, bytes;
        int openings;
        (long Taken, byte[] Content)? checkpoint = null;
        lock (_gate)
        {
            if (_failure is not null)
                throw _failure;
            segment = Active;
            file = segment.Acquire();
            (end, position, bytes, openings) = (_nextOffset, segment.Size, _appendedBytes, _openings);
            if (_bytesSinceCheckpoint >= CheckpointEveryBytes)
                checkpoint = (_checkpointsTaken + 1, SerializeCheckpoint());
        }

        IOException? error = null;
        try
        {
            _flushFile(file);
        }
        catch (IOException exception)
        {
            error = exception;
        }

        lock (_gate)
        {
            segment.Release();
            // The log was cut and opened again meanwhile: what this flush began with is not what stands there now, and who waited for it has been refused.
            if (openings != _openings)
                return HighWatermark;
            if (error is not null)
                Close(new StorageFailedException($"{segment.Path}: flush failed.", error));
            if (_failure is not null)
                throw _failure;
            Advance(end, segment == Active ? position : _durablePosition, bytes);
        }

        _dueCheckpoint = checkpoint;
        return end;
    }

    private void FlushActive()
    {
        try
        {
            _flushFile(Active.File);
        }
        catch (IOException exception)
        {
            throw new StorageFailedException($"{Active.Path}: flush failed.", exception);
        }

        Advance(_nextOffset, Active.Size, _appendedBytes);
    }

    private void Advance(long end, long position, long bytes)
    {
        if (end <= HighWatermark)
            return;
        HighWatermark = end;
        _durablePosition = position;
        var arrived = bytes - _readableBytes;
        _readableBytes = bytes;
        Signal(arrived);
    }

    private void Signal(long bytes)
    {
        foreach (var watcher in _watchers)
            watcher.Arrived(bytes);
    }

    private static partial class Log
    {
        [LoggerMessage(110, LogLevel.Warning, "{Directory}: a write was refused ({Reason}); producers get KAFKA_STORAGE_ERROR until there is room.")]
        public static partial void WriteRefused(ILogger logger, string directory, string reason);

        [LoggerMessage(115, LogLevel.Information, "{Directory}: writes are accepted again.")]
        public static partial void WriteAccepted(ILogger logger, string directory);

        [LoggerMessage(111, LogLevel.Error, "{Directory}: closed after a storage failure ({Reason}); it is opened again at what was surely flushed.")]
        public static partial void Closed(ILogger logger, string directory, string reason);

        [LoggerMessage(112, LogLevel.Information, "{Directory}: opened again at offset {NextOffset}.")]
        public static partial void Reopened(ILogger logger, string directory, long nextOffset);

        [LoggerMessage(113, LogLevel.Warning, "{Directory}: the checkpoint could not be written ({Reason}); the next start reads more of the log.")]
        public static partial void CheckpointFailed(ILogger logger, string directory, string reason);

        [LoggerMessage(116, LogLevel.Warning, "{Directory}: old records could not be deleted ({Reason}); it is tried again.")]
        public static partial void DeletionFailed(ILogger logger, string directory, string reason);

        [LoggerMessage(114, LogLevel.Information, "{Directory}: deleted segments up to offset {LogStart} ({Bytes} bytes).")]
        public static partial void SegmentsDeleted(ILogger logger, string directory, long logStart, long bytes);
    }
}
