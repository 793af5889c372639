using System.Text;
using Chat.LocalHosting.Engine;
using Chat.LocalHosting.Processes;
using Chat.Tests.Backends;

namespace Chat.Tests.LocalHosting;

public sealed class OutputTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    [Fact]
    public async Task A_terminal_that_is_not_read_never_stalls_whoever_writes()
    {
        using var stuck = new StuckWriter();
        await using var console = new ConsoleOutput(stuck);

        // More than is ever kept; a blocked write would hang here.
        await Task.Run(() =>
        {
            for (var i = 0; i < 100_000; i++)
                console.WriteLine("line");
        }).WaitAsync(Engines.Timeout);

        stuck.Release();
        await Engines.UntilAsync(() => stuck.Text.Contains("lines were not shown"), "the lost lines are counted");
    }

    [Fact]
    public void The_log_keeps_the_last_lines()
    {
        using var log = new ReplicaLog(_directory["x.log"], _ => { });
        for (var i = 0; i < ReplicaLog.KeptLines + 10; i++)
            log.Add($"line {i}");

        Assert.Equal(ReplicaLog.KeptLines, log.Tail(int.MaxValue).Count);
        Assert.Equal(["line 2008", "line 2009"], log.Tail(2));
    }

    [Fact]
    public async Task Who_follows_the_log_gets_the_last_lines_and_then_each_new_one()
    {
        using var log = new ReplicaLog(_directory["x.log"], _ => { });
        log.Add("old");
        using var deadline = new CancellationTokenSource(Engines.Timeout);
        await using var lines = log.FollowAsync(10, deadline.Token).GetAsyncEnumerator(deadline.Token);

        Assert.True(await lines.MoveNextAsync());
        Assert.Equal("old", lines.Current);
        log.Add("new");
        Assert.True(await lines.MoveNextAsync());
        Assert.Equal("new", lines.Current);
    }

    [Fact]
    public async Task A_line_without_an_end_is_cut()
    {
        var lines = new List<string>();
        using var reader = new StreamReader(new MemoryStream(Encoding.UTF8.GetBytes("a\r\n" + new string('x', LineReader.MaxLineChars + 5) + "\n")));

        await LineReader.ReadAsync(reader, lines.Add);

        Assert.Equal([1, LineReader.MaxLineChars, 5], lines.Select(line => line.Length));
    }

    [Fact]
    public void The_wait_before_a_restart_doubles_up_to_a_cap_and_starts_over_after_a_long_life()
    {
        var backOff = new RestartBackOff();

        var waits = Enumerable.Range(0, 12).Select(_ => backOff.Next(TimeSpan.Zero)).ToArray();

        Assert.InRange(waits[0].TotalSeconds, 0.15, 0.25);
        Assert.InRange(waits[3].TotalSeconds, 1.2, 2.0);
        Assert.InRange(waits[^1].TotalSeconds, 8, 12);
        Assert.InRange(backOff.Next(TimeSpan.FromMinutes(1)).TotalSeconds, 0.15, 0.25);
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>A pipe whose reader sleeps.</summary>
    private sealed class StuckWriter : TextWriter
    {
        private readonly ManualResetEventSlim _released = new();
        private readonly StringBuilder _text = new();

        public override Encoding Encoding => Encoding.UTF8;

        public string Text
        {
            get
            {
                lock (_text)
                    return _text.ToString();
            }
        }

        public void Release() => _released.Set();

        public override void WriteLine(string? value)
        {
            _released.Wait();
            lock (_text)
                _text.AppendLine(value);
        }
    }
}
