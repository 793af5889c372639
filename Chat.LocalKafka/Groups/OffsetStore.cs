using Chat.LocalKafka.Log;

namespace Chat.LocalKafka.Groups;

/// <summary>A partition whose offset a group commits.</summary>
internal readonly record struct OffsetKey(string Topic, int Partition);

/// <summary>A committed offset, with what the consumer wrote to it and when (milliseconds since 1970).</summary>
internal readonly record struct CommittedOffset(long Offset, int LeaderEpoch, string Metadata, long CommittedAt);

/// <summary>
/// The committed offsets of all groups, in memory and in a journal. A commit is answered only after the journal holding it has
/// been flushed; what is read back after any stop is at least what was answered.
/// </summary>
internal sealed class OffsetStore : IDisposable
{
    /// <summary>The journal is written anew when it is larger than this and four times what it must hold.</summary>
    private const long CompactFromBytes = 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Dictionary<OffsetKey, CommittedOffset>> _groups = new(StringComparer.Ordinal);
    private readonly OffsetJournal _journal;
    private readonly GroupCommit _commit;
    private long _appended;
    private long _sizeAfterCompaction;
    private bool _mustRewrite;

    public OffsetStore(string dataDirectory, Flusher flusher)
    {
        _journal = new OffsetJournal(Path.Combine(dataDirectory, "offsets.journal"));
        foreach (var entry in _journal.ReadAll())
            Apply(entry);
        _commit = new GroupCommit(flusher, Flush);
        _mustRewrite = true; // Before the first commit, so that a full disk does not keep the broker from starting.
    }

    public string[] Groups
    {
        get
        {
            lock (_gate)
                return [.. _groups.Keys];
        }
    }

    /// <summary>Completes when the offsets are durable; fails with an <see cref="IOException"/> when they are not.</summary>
    public Task CommitAsync(string group, IReadOnlyList<KeyValuePair<OffsetKey, CommittedOffset>> offsets) =>
        WriteAsync(new OffsetEntry(group, offsets, []));

    /// <summary>Forgets offsets of a group; null forgets all of them.</summary>
    public Task ForgetAsync(string group, IReadOnlyList<OffsetKey>? keys = null) =>
        WriteAsync(new OffsetEntry(group, [], keys ?? [.. All(group).Select(o => o.Key)]));

    public CommittedOffset? Find(string group, OffsetKey key)
    {
        lock (_gate)
            return _groups.TryGetValue(group, out var offsets) && offsets.TryGetValue(key, out var offset) ? offset : null;
    }

    public KeyValuePair<OffsetKey, CommittedOffset>[] All(string group)
    {
        lock (_gate)
            return _groups.TryGetValue(group, out var offsets) ? [.. offsets] : [];
    }

    public void Dispose()
    {
        lock (_gate)
            _journal.Dispose();
    }

    private Task WriteAsync(OffsetEntry entry)
    {
        Task durable;
        lock (_gate)
        {
            if (_mustRewrite || (_journal.Size > CompactFromBytes && _journal.Size > 4 * _sizeAfterCompaction))
                Rewrite();
            _journal.Append(entry);
            Apply(entry);
            durable = _commit.WaitAsync(++_appended);
        }

        _commit.Request();
        return durable;
    }

    private void Apply(OffsetEntry entry)
    {
        if (!_groups.TryGetValue(entry.Group, out var offsets))
            _groups[entry.Group] = offsets = [];
        foreach (var (key, offset) in entry.Committed)
            offsets[key] = offset;
        foreach (var key in entry.Forgotten)
            offsets.Remove(key);
        if (offsets.Count == 0)
            _groups.Remove(entry.Group);
    }

    private void Rewrite()
    {
        _journal.Replace(_groups.Select(g => new OffsetEntry(g.Key, [.. g.Value], [])));
        _sizeAfterCompaction = _journal.Size;
        _mustRewrite = false;
        _commit.Reset(_appended);
    }

    private long Flush()
    {
        long end;
        lock (_gate)
            end = _appended;
        try
        {
            _journal.Flush();
            return end;
        }
        catch (IOException failure)
        {
            // What the file holds is not known any more; the next commit writes all of it anew.
            lock (_gate)
                _mustRewrite = true;
            throw new StorageFailedException("The journal of committed offsets could not be flushed.", failure);
        }
    }
}
