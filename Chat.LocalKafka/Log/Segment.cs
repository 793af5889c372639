using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Chat.LocalKafka.Log;

/// <summary>
/// One append-only file of a partition, named by its first offset. Bytes below <see cref="Size"/> are whole batches in offset
/// order without holes. Members are called under the partition's lock, except <see cref="Read"/> between Acquire and Release.
/// </summary>
internal sealed class Segment(string directory, long baseOffset)
{
    private SafeFileHandle? _file;
    private SegmentIndex? _index;
    private int _readers;
    private bool _closed;

    public long BaseOffset { get; } = baseOffset;

    public string Path { get; } = PathOf(directory, baseOffset);

    public long Size { get; private set; }

    /// <summary>The newest timestamp in the segment, or <see cref="long.MinValue"/> while it is empty.</summary>
    public long MaxTimestamp { get; private set; } = long.MinValue;

    /// <summary>When this process began to fill the segment (milliseconds since 1970): its age for segment.ms.</summary>
    public long CreatedAt { get; init; }

    /// <summary>When the last batch came (milliseconds since 1970), as the file system knows it.</summary>
    public long LastWrite => new DateTimeOffset(System.IO.File.GetLastWriteTimeUtc(Path)).ToUnixTimeMilliseconds();

    /// <summary>Milliseconds since the system started, see <see cref="Unload"/>.</summary>
    public long LastUsed { get; private set; }

    public static string PathOf(string directory, long baseOffset) =>
        System.IO.Path.Combine(directory, baseOffset.ToString("D20", CultureInfo.InvariantCulture) + ".log");

    public SegmentIndex Index => _index ??= SegmentIndexFile.TryRead(Path)?.Index ?? SegmentScan.Whole(this).Index;

    /// <summary>Takes over what recovery found out; the file may be longer and is then cut by <see cref="CutAt"/>.</summary>
    public void Restore(long size, long maxTimestamp, SegmentIndex? index)
    {
        Size = size;
        MaxTimestamp = maxTimestamp;
        _index = index;
    }

    public SafeFileHandle File
    {
        get
        {
            LastUsed = Environment.TickCount64;
            return _file ??= System.IO.File.OpenHandle(
                Path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        }
    }

    /// <summary>
    /// Appends one placed batch. An <see cref="IOException"/> leaves the segment as it was; a <see cref="StorageFailedException"/>
    /// means that not even that could be done.
    /// </summary>
    public void Append(ReadOnlySpan<byte> bytes, in RecordBatch batch)
    {
        try
        {
            Durable.Write(File, bytes, Size);
        }
        catch (IOException writeFailed)
        {
            try
            {
                RandomAccess.SetLength(File, Size);
            }
            catch (IOException)
            {
                throw new StorageFailedException($"{Path}: a failed write could not be undone.", writeFailed);
            }

            throw;
        }

        Note(batch);
    }

    /// <summary>Counts a batch that stands at the end of the known part.</summary>
    public void Note(in RecordBatch batch)
    {
        Index.Offer(batch.BaseOffset, Size, MaxTimestamp);
        Size += batch.SizeInBytes;
        MaxTimestamp = Math.Max(MaxTimestamp, batch.MaxTimestamp);
    }

    public void CutAt(long size)
    {
        RandomAccess.SetLength(File, size);
        Size = size;
        _index?.CutAt(size);
    }

    /// <summary>Keeps the file open for a reader outside the lock, even when the segment is deleted meanwhile.</summary>
    public SafeFileHandle Acquire()
    {
        var file = File;
        _readers++;
        return file;
    }

    public void Release()
    {
        _readers--;
        if (_closed)
            Close();
    }

    /// <summary>Frees the file handle and the index of a segment that nobody reads; both come back when it is used.</summary>
    public void Unload()
    {
        if (_readers > 0)
            return;
        _file?.Dispose();
        _file = null;
        _index = null;
    }

    /// <summary>Closes the file as soon as no reader is left.</summary>
    public void Close()
    {
        _closed = true;
        if (_readers > 0)
            return;
        _file?.Dispose();
        _file = null;
    }

    public void Delete()
    {
        System.IO.File.Delete(Path);
        System.IO.File.Delete(SegmentIndexFile.PathOf(Path));
        Close();
    }
}
