using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Chat.LocalKafka.Log;

/// <summary>What recovery found in a partition's directory.</summary>
internal sealed record RecoveredLog(List<Segment> Segments, long LogStart, long NextOffset);

/// <summary>
/// Opens the files of a partition after any kind of stop. Every batch that was acknowledged lies before the first damaged byte,
/// because a batch is only acknowledged after everything before it has been flushed; so cutting the tail there loses nothing that
/// was promised. Segments behind a gap are kept under another name, never deleted.
/// </summary>
internal static partial class PartitionRecovery
{
    public static RecoveredLog Recover(string directory, PartitionCheckpoint? checkpoint, ProducerStates producers, long now, ILogger log)
    {
        producers.Clear();
        var segments = List(directory, now);
        if (segments.Count == 0)
        {
            var first = new Segment(directory, checkpoint?.NextOffset ?? 0) { CreatedAt = now };
            Durable.Flush(first.File);
            Durable.FlushDirectory(directory);
            return new RecoveredLog([first], first.BaseOffset, first.BaseOffset);
        }

        var from = checkpoint is null ? -1 : segments.FindIndex(s => s.BaseOffset == checkpoint.SegmentBase);
        long next;
        if (from >= 0 && RandomAccess.GetLength(segments[from].File) >= checkpoint!.Position)
        {
            foreach (var closed in segments.Take(from))
                RestoreClosed(closed, log);
            segments[from].Restore(checkpoint.Position, checkpoint.MaxTimestamp, new SegmentIndex(checkpoint.Index));
            foreach (var (id, state) in checkpoint.Producers)
                producers.Restore(id, state);
            next = checkpoint.NextOffset;
        }
        else
        {
            if (checkpoint is not null)
                Log.CheckpointUnusable(log, directory);
            from = 0;
            segments[0].Restore(0, long.MinValue, new SegmentIndex());
            next = segments[0].BaseOffset;
        }

        next = Replay(directory, segments, from, next, producers, now, log);
        var start = Math.Clamp(checkpoint?.LogStart ?? 0, segments[0].BaseOffset, next);
        return new RecoveredLog(segments, start, next);
    }

    private static List<Segment> List(string directory, long now) =>
        [.. Directory.EnumerateFiles(directory, "*.log")
            .Select(p => long.TryParse(Path.GetFileNameWithoutExtension(p), NumberStyles.None, CultureInfo.InvariantCulture, out var offset) ? offset : -1)
            .Where(offset => offset >= 0)
            .Order()
            .Select(offset => new Segment(directory, offset) { CreatedAt = now })];

    private static void RestoreClosed(Segment segment, ILogger log)
    {
        var length = new FileInfo(segment.Path).Length;
        if (SegmentIndexFile.TryReadFooter(segment.Path) is var (size, maxTimestamp) && size == length)
        {
            segment.Restore(size, maxTimestamp, index: null);
            return;
        }

        var scanned = SegmentScan.Whole(segment);
        segment.Restore(scanned.Size, scanned.MaxTimestamp, scanned.Index);
        WriteSidecar(segment, log);
    }

    /// <summary>A full disk must not keep a log from being read: the sidecar only saves the next start a scan.</summary>
    private static void WriteSidecar(Segment segment, ILogger log)
    {
        try
        {
            SegmentIndexFile.Write(segment);
        }
        catch (IOException failure)
        {
            Log.SidecarFailed(log, segment.Path, failure.Message);
        }
    }

    /// <summary>Reads the log from the checkpoint to its end and cuts it behind the last whole batch. Returns the next free offset.</summary>
    private static long Replay(string directory, List<Segment> segments, int from, long next, ProducerStates producers, long now, ILogger log)
    {
        for (var i = from; i < segments.Count; i++)
        {
            var segment = segments[i];
            if (i > from)
            {
                if (segment.BaseOffset != next)
                {
                    SetAside(segments, i, log);
                    break;
                }

                segment.Restore(0, long.MinValue, new SegmentIndex());
            }

            var length = RandomAccess.GetLength(segment.File);
            SegmentScan.Visit(segment.File, segment.Size, length, next, (in RecordBatch batch, ReadOnlySpan<byte> _) =>
            {
                segment.Note(batch);
                producers.Note(batch, now);
                next = batch.LastOffset + 1;
                return true;
            });
            if (segment.Size < length)
            {
                Log.TailCut(log, segment.Path, length - segment.Size, next);
                segment.CutAt(segment.Size);
                SetAside(segments, i + 1, log);
            }

            if (i < segments.Count - 1)
                WriteSidecar(segment, log);
        }

        // What was found may be in the page cache only; consumers see it as soon as the partition is open.
        Durable.Flush(segments[^1].File);
        Durable.FlushDirectory(directory);
        return next;
    }

    private static void SetAside(List<Segment> segments, int from, ILogger log)
    {
        foreach (var segment in segments.Skip(from))
        {
            segment.Close();
            File.Move(segment.Path, segment.Path + ".cut", overwrite: true);
            Log.SegmentSetAside(log, segment.Path);
        }

        segments.RemoveRange(from, segments.Count - from);
    }

    private static partial class Log
    {
        [LoggerMessage(100, LogLevel.Warning, "{Path}: cut {Bytes} bytes of a torn tail, which nobody was told about; the next offset is {NextOffset}.")]
        public static partial void TailCut(ILogger logger, string path, long bytes, long nextOffset);

        [LoggerMessage(101, LogLevel.Error, "{Path} does not continue the log before it; it is kept as *.cut and not served.")]
        public static partial void SegmentSetAside(ILogger logger, string path);

        [LoggerMessage(103, LogLevel.Warning, "{Path}: its sidecar could not be written ({Reason}); the next start scans it.")]
        public static partial void SidecarFailed(ILogger logger, string path, string reason);

        [LoggerMessage(102, LogLevel.Warning, "{Directory}: the checkpoint does not fit the log; the whole partition is scanned.")]
        public static partial void CheckpointUnusable(ILogger logger, string directory);
    }
}
