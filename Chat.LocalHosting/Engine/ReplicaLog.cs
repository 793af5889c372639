using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// What one process printed: the last lines in memory for the dashboard, all of it in a file that is rolled over at a size
/// (one older file is kept), and a copy on the terminal. A disk that is full costs lines of the file, never the process its output.
/// </summary>
internal sealed class ReplicaLog : IDisposable
{
    public const int KeptLines = 2000;
    private const long MaxFileBytes = 16 * 1024 * 1024;
    private const int WatcherCapacity = 1000;

    private readonly Queue<string> _lines = new();
    private readonly ConcurrentDictionary<Channel<string>, bool> _watchers = new();
    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly Action<string> _echo;
    private StreamWriter _file;
    private bool _disposed;
    private bool _fileFails;

    public ReplicaLog(string path, Action<string> echo)
    {
        _path = path;
        _echo = echo;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _file = Open();
    }

    public void Add(string line)
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _lines.Enqueue(line);
            if (_lines.Count > KeptLines)
                _lines.Dequeue();
            TryWriteToFile(line);
            foreach (var (watcher, _) in _watchers)
                watcher.Writer.TryWrite(line);
        }
        _echo(line);
    }

    /// <summary>The last lines, oldest first.</summary>
    public IReadOnlyList<string> Tail(int count)
    {
        lock (_gate)
            return [.. _lines.Skip(Math.Max(0, _lines.Count - count))];
    }

    /// <summary>The last lines and then every new one; a reader that does not keep up loses the oldest of the waiting lines.</summary>
    public async IAsyncEnumerable<string> FollowAsync(int tail, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var channel = Channel.CreateBounded<string>(new BoundedChannelOptions(WatcherCapacity) { FullMode = BoundedChannelFullMode.DropOldest });
        IReadOnlyList<string> known;
        lock (_gate)
        {
            known = Tail(tail);
            _watchers[channel] = true;
        }
        try
        {
            foreach (var line in known)
                yield return line;
            await foreach (var line in channel.Reader.ReadAllAsync(cancellationToken))
                yield return line;
        }
        finally
        {
            _watchers.TryRemove(channel, out _);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _file.Dispose();
        }
    }

    private void TryWriteToFile(string line)
    {
        try
        {
            if (_file.BaseStream.Length > MaxFileBytes)
                RollOver();
            _file.WriteLine(line);
        }
        catch (IOException failure)
        {
            if (!_fileFails)
                _echo($"[engine] the log file cannot be written, so it lacks lines from here on: {failure.Message}");
            _fileFails = true;
            return;
        }
        _fileFails = false;
    }

    private StreamWriter Open() => new(new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };

    private void RollOver()
    {
        _file.Dispose();
        File.Move(_path, _path + ".1", overwrite: true);
        _file = Open();
    }
}
