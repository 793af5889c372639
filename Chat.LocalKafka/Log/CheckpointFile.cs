namespace Chat.LocalKafka.Log;

/// <summary>The file that holds a partition's checkpoint. A checkpoint that was taken earlier never replaces one that was taken later.</summary>
internal sealed class CheckpointFile(string directory)
{
    private readonly Lock _gate = new();
    private readonly string _path = Path.Combine(directory, "checkpoint");
    private long _written;
    private bool _closed;

    public PartitionCheckpoint? TryRead() => File.Exists(_path) ? PartitionCheckpoint.TryParse(File.ReadAllBytes(_path)) : null;

    /// <summary>Nothing is written any more: the directory may belong to another partition of the same name by now.</summary>
    public void Close()
    {
        lock (_gate)
            _closed = true;
    }

    /// <param name="taken">Counts up with each checkpoint that is taken of the partition.</param>
    /// <param name="content">The serialized checkpoint.</param>
    public void Write(long taken, byte[] content)
    {
        lock (_gate)
        {
            if (_closed || taken <= _written)
                return;
            Durable.Replace(_path, content);
            _written = taken;
        }
    }
}
