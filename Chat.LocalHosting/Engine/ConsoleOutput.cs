using System.Threading.Channels;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// The terminal: one thread writes, nobody waits for it. When whoever reads our output stops reading, lines are dropped and counted
/// (the log files have all of them), so that a full pipe never stalls the services.
/// </summary>
internal sealed class ConsoleOutput : IAsyncDisposable
{
    private const int Capacity = 8192;

    // Distinct and readable on light and dark grounds.
    private static readonly int[] Colours = [36, 32, 33, 35, 34, 96, 92, 93, 95, 94];

    private readonly Channel<string> _lines = Channel.CreateBounded<string>(Capacity);
    private readonly bool _coloured = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
    private readonly TextWriter _writer;
    private readonly Task _writing;
    private long _dropped;

    public ConsoleOutput(TextWriter writer)
    {
        _writer = writer;
        _writing = Task.Factory.StartNew(Write, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>A line as it is.</summary>
    public void WriteLine(string line)
    {
        if (!_lines.Writer.TryWrite(line))
            Interlocked.Increment(ref _dropped);
    }

    /// <summary>A line of one source; the prefix is coloured on a terminal.</summary>
    public void WriteLine(string source, int colour, string line) =>
        WriteLine(_coloured ? $"\e[{Colours[colour % Colours.Length]}m{source,-12}\e[0m {line}" : $"{source,-12} {line}");

    public async ValueTask DisposeAsync()
    {
        _lines.Writer.TryComplete();
        // A reader that is gone for good must not hold up the end.
        await Task.WhenAny(_writing, Task.Delay(TimeSpan.FromSeconds(1)));
    }

    private void Write()
    {
        try
        {
            while (_lines.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (_lines.Reader.TryRead(out var line))
                    _writer.WriteLine(line);
                if (Interlocked.Exchange(ref _dropped, 0) is > 0 and var dropped)
                    _writer.WriteLine($"({dropped} lines were not shown here: this output is not read fast enough; the log files have them)");
            }
        }
        catch (IOException)
        {
            // Whoever read our output is gone: from here on lines are dropped, and the services go on.
        }
    }
}
