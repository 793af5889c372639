using System.Buffers.Binary;
using Chat.LocalKafka.Log;
using Microsoft.Win32.SafeHandles;

namespace Chat.LocalKafka.Groups;

/// <summary>One change of a group's offsets.</summary>
internal sealed record OffsetEntry(string Group, IReadOnlyList<KeyValuePair<OffsetKey, CommittedOffset>> Committed, IReadOnlyList<OffsetKey> Forgotten);

/// <summary>An append-only file of changes, each with length and checksum. A torn end is what nobody was told about: reading stops there.</summary>
internal sealed class OffsetJournal(string path) : IDisposable
{
    private const int PrefixSize = 8;

    private SafeFileHandle? _file;

    public long Size { get; private set; }

    public IEnumerable<OffsetEntry> ReadAll()
    {
        if (!File.Exists(path))
            yield break;
        var content = File.ReadAllBytes(path);
        var at = 0;
        while (content.Length - at >= PrefixSize)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(content.AsSpan(at));
            var checksum = BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(at + 4));
            if (length < 0 || length > content.Length - at - PrefixSize
                || Crc32C.Compute(content.AsSpan(at + PrefixSize, length)) != checksum)
                yield break;
            yield return Parse(content.AsSpan(at + PrefixSize, length).ToArray());
            at += PrefixSize + length;
        }
    }

    public void Append(OffsetEntry entry)
    {
        var bytes = Serialize(entry);
        try
        {
            Durable.Write(_file!, bytes, Size);
        }
        catch (IOException)
        {
            RandomAccess.SetLength(_file!, Size);
            throw;
        }

        Size += bytes.Length;
    }

    public void Flush()
    {
        try
        {
            Durable.Flush(_file!);
        }
        catch (ObjectDisposedException)
        {
            // Replaced meanwhile by a file that was flushed whole.
        }
    }

    /// <summary>Writes the journal anew, durably, with only what is still true.</summary>
    public void Replace(IEnumerable<OffsetEntry> entries)
    {
        byte[] content = [.. entries.SelectMany(Serialize)];
        Durable.Replace(path, content);
        _file?.Dispose();
        _file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        Size = content.Length;
    }

    public void Dispose() => _file?.Dispose();

    private static byte[] Serialize(OffsetEntry entry)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(0L); // Room for length and checksum.
        writer.Write(entry.Group);
        writer.Write(entry.Committed.Count);
        foreach (var (key, offset) in entry.Committed)
        {
            writer.Write(key.Topic);
            writer.Write(key.Partition);
            writer.Write(offset.Offset);
            writer.Write(offset.LeaderEpoch);
            writer.Write(offset.Metadata);
            writer.Write(offset.CommittedAt);
        }

        writer.Write(entry.Forgotten.Count);
        foreach (var key in entry.Forgotten)
        {
            writer.Write(key.Topic);
            writer.Write(key.Partition);
        }

        var bytes = stream.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes, bytes.Length - PrefixSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), Crc32C.Compute(bytes.AsSpan(PrefixSize)));
        return bytes;
    }

    private static OffsetEntry Parse(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        var group = reader.ReadString();
        var committed = new KeyValuePair<OffsetKey, CommittedOffset>[reader.ReadInt32()];
        for (var i = 0; i < committed.Length; i++)
        {
            committed[i] = new(
                new OffsetKey(reader.ReadString(), reader.ReadInt32()),
                new CommittedOffset(reader.ReadInt64(), reader.ReadInt32(), reader.ReadString(), reader.ReadInt64()));
        }

        var forgotten = new OffsetKey[reader.ReadInt32()];
        for (var i = 0; i < forgotten.Length; i++)
            forgotten[i] = new OffsetKey(reader.ReadString(), reader.ReadInt32());
        return new OffsetEntry(group, committed, forgotten);
    }
}
