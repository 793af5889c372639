using System.Text.Json;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Load;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Reporting;
using Chat.Tests.Backends;

namespace Chat.Tests.LoadTest;

/// <summary>What a load says at its end: objectives, and the same report in three forms.</summary>
public sealed class LoadReportTests
{
    private static readonly Figure[] Figures = [new("lost", "lost", 2), new("latency_p99_ms", "latency, 99 %", 12.5, "ms"), new("rate", "rate", 900, "/s"), new("memory", "memory", null, "MB")];

    [Theory]
    [InlineData("lost", 2, false, true)]
    [InlineData("lost", 1, false, false)]
    [InlineData("latency_p99_ms", 12.5, false, true)]
    [InlineData("latency_p99_ms", 12.4, false, false)]
    [InlineData("rate", 900, true, true)]
    [InlineData("rate", 901, true, false)]
    [InlineData("memory", 1_000_000, false, false)]
    public void An_objective_is_met_at_its_limit_and_not_beyond(string key, double limit, bool isFloor, bool held) =>
        Assert.Equal(held, new Objective("option", key, limit, isFloor).Judge(Figures).Held);

    [Fact]
    public void A_breach_says_which_figure_which_limit_and_which_option()
    {
        var report = Make(new Objective("p99-ms", "latency_p99_ms", 10).Judge(Figures), new Objective("", "rate", 1000).Judge(Figures));
        Assert.False(report.Held);
        Assert.Equal("BREACH latency, 99 %: 12.5 ms, at most 10 ms (--p99-ms)", report.LastLine);
        Assert.Equal("all objectives met", Make(new Objective("", "rate", 1000).Judge(Figures)).LastLine);
    }

    [Fact]
    public async Task The_extension_of_the_file_decides_the_form()
    {
        using var directory = new TestDirectory();
        var report = Make(new Objective("max-loss", "lost", 0).Judge(Figures));
        var read = new Dictionary<string, string>();
        foreach (var name in new[] { "r.md", "r.json", "r.HTML" })
        {
            await new ReportFile(Path.Combine(directory.Path, name)).WriteAsync(report, TestContext.Current.CancellationToken);
            read[name] = await File.ReadAllTextAsync(Path.Combine(directory.Path, name), TestContext.Current.CancellationToken);
        }

        Assert.Contains("**BREACH lost: 2, at most 0 (--max-loss)**", read["r.md"]);
        Assert.Contains("| latency, 99 % | 12.5 ms |", read["r.md"]);
        Assert.Contains("| memory | not available |", read["r.md"]);
        Assert.Contains("| a \\| b | 1 |", read["r.md"]);

        using var json = JsonDocument.Parse(read["r.json"]);
        Assert.False(json.RootElement.GetProperty("held").GetBoolean());
        Assert.Equal(12.5, json.RootElement.GetProperty("figures").GetProperty("latency_p99_ms").GetDouble());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("figures").GetProperty("memory").ValueKind);
        Assert.Equal(3, json.RootElement.GetProperty("charts")[0].GetProperty("curves")[0].GetProperty("points")[1][1].GetDouble());

        var html = read["r.HTML"];
        Assert.Contains("<svg", html);
        Assert.Contains("&lt;b&gt;", html);
        Assert.Contains("BREACH", html);
        // One page that loads nothing.
        Assert.DoesNotContain("<script", html);
        Assert.DoesNotContain("http", html);
    }

    [Theory]
    [InlineData("report.txt", ".md, .json, .html")]
    [InlineData("/no/such/directory/report.md", "make it first")]
    public void A_report_that_cannot_be_written_is_refused_before_the_run(string path, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => new ReportFile(path)).Message);

    [Fact]
    public void A_chart_without_points_is_drawn_all_the_same() =>
        Assert.DoesNotContain("NaN", LineChart.Render(new Chart("nothing", "s", "ms", [new Curve("none", [])])));

    [Fact]
    public void The_runtimes_metrics_are_read_and_what_came_in_between_is_told()
    {
        const string Text = """
            # TYPE dotnet_gc_collections_total counter
            dotnet_gc_collections_total{otel_scope_name="System.Runtime",gc_heap_generation="gen0"} 12 1732795200000
            dotnet_gc_collections_total{otel_scope_name="System.Runtime",gc_heap_generation="gen1"} 3 1732795200000
            dotnet_gc_collections_total{otel_scope_name="System.Runtime",gc_heap_generation="gen2"} 1 1732795200000
            dotnet_gc_pause_time_seconds_total{otel_scope_name="System.Runtime"} 0.25 1732795200000
            dotnet_gc_last_collection_heap_size_bytes{gc_heap_generation="gen0"} 1000 1732795200000
            dotnet_gc_last_collection_heap_size_bytes{gc_heap_generation="loh"} 500 1732795200000
            dotnet_gc_heap_total_allocated_bytes_total 5000
            """;
        var now = RuntimeMetrics.Parse(Text)!;
        Assert.Equal([12L, 3L, 1L], now.Collections);
        Assert.Equal((0.25, 1_500.0, 5_000.0), (now.PauseSeconds, now.HeapBytes, now.AllocatedBytes));
        var since = now.Since(now with { Collections = [10, 3, 0], PauseSeconds = 0.2, AllocatedBytes = 1_000 });
        Assert.Equal([2L, 0L, 1L], since.Collections);
        Assert.Equal((0.05, 1_500.0, 4_000.0), (Math.Round(since.PauseSeconds, 9), since.HeapBytes, since.AllocatedBytes));
        Assert.Null(RuntimeMetrics.Parse("process_cpu 1\n"));
    }

    [Fact]
    public void Linux_tells_what_this_process_uses_and_nothing_of_one_that_has_ended()
    {
        if (!OperatingSystem.IsLinux()) return;
        var children = ProcessTree.ChildrenOfAll();
        Assert.True(ProcessUsage.CpuSeconds(Environment.ProcessId, children) > 0);
        var memory = ProcessUsage.Memory(Environment.ProcessId, children)!;
        Assert.InRange(memory.PssBytes, 1_000_000, memory.RssBytes);
        Assert.Null(ProcessUsage.CpuSeconds(int.MaxValue, children));
        Assert.Null(ProcessUsage.Memory(int.MaxValue, children));
    }

    [Fact]
    public void Children_of_a_server_count_with_it_and_the_system_that_the_load_generator_has_started_does_not_count_as_the_generator()
    {
        if (!OperatingSystem.IsLinux()) return;
        var pid = Environment.ProcessId;
        var twice = new[] { pid }.ToLookup(child => child);
        var alone = new WatchedProcess(ProcessWatch.Generator, pid, [], WithChildren: false);
        var together = new WatchedProcess("postgres-1", pid, [], WithChildren: true);
        // Read in this order, so that what this process goes on to use cannot make up for it.
        Assert.True(1.5 * alone.CpuSeconds(twice) < together.CpuSeconds(twice));
        Assert.True(1.5 * alone.Memory(twice)!.PssBytes < together.Memory(twice)!.PssBytes);
    }

    [Fact]
    public void Growth_is_seen_through_the_teeth_of_a_saw_and_not_where_there_is_only_a_saw()
    {
        double[] saw = [.. Enumerable.Range(0, 40).Select(i => 100.0 + i % 5)];
        Assert.Equal((102, 102), Growth.Of(saw)!.Value);
        var (from, to) = Growth.Of([.. saw.Select((value, i) => value + i)])!.Value;
        Assert.InRange(to - from, 19, 21);
        // What fills up at first and stays is no growth.
        var filled = Growth.Of([.. Enumerable.Range(0, 40).Select(i => (double)Math.Min(i, 8))])!.Value;
        Assert.Equal(filled.From, filled.To);
        Assert.Null(Growth.Of(saw[..(Growth.MinSamples - 1)]));
    }

    [Fact]
    public void Too_many_connections_for_the_limit_of_open_files_are_refused_with_the_remedy()
    {
        ConnectionLimit.Check(9_500, viaNodes: false, openFiles: 20_000);
        ConnectionLimit.Check(15_000, viaNodes: true, openFiles: 20_000);
        ConnectionLimit.Check(15_000, viaNodes: false, openFiles: null);
        var refused = Assert.Throws<UsageException>(() => ConnectionLimit.Check(15_000, viaNodes: false, openFiles: 20_000)).Message;
        Assert.Contains("ulimit -Hn 30500", refused);
        Assert.Contains("--via nodes", refused);
    }

    private static Report Make(params Verdict[] verdicts) => new()
    {
        Scenario = "fanout",
        Summary = "What <b> says.",
        Settings = [new("nodes", "2")],
        Figures = Figures,
        Verdicts = verdicts,
        Tables = [new Table("Table", ["what", "n"], [["a | b", "1"]])],
        Charts = [new Chart("Latency", "s", "ms", [new Curve("99 %", [new(0, 1), new(1, 3)])])],
    };
}
