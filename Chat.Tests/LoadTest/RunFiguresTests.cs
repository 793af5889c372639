using Chat.LoadTest.Faults;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Reporting;

namespace Chat.Tests.LoadTest;

/// <summary>The figures of a run, over a record whose figures are known.</summary>
public sealed class RunFiguresTests
{
    [Fact]
    public void Silence_share_and_recovery_are_counted_per_fault()
    {
        // A message each second, acked after half of one; the acks of 5 and 6 come late.
        var acks = CleanRun.Numbers.Select(seq => CleanRun.Ack(seq) with { At = seq is 5 or 6 ? TimeSpan.FromSeconds(7.2) : CleanRun.Acked(seq) });
        var result = new FaultRunResult(
            1, TimeSpan.FromSeconds(20), CleanRun.Make() with { Acks = [.. acks], Failures = [new SendFailure(CleanRun.Key(5), "unavailable", "node 1", TimeSpan.Zero, TimeSpan.Zero)] }, [],
            [new FaultWindow("kill-node", "realtime-1", TimeSpan.FromSeconds(4.9), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(8)), new FaultWindow("kill-redis", "redis-1", TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(9))],
            [new Outage("reader", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(6.5))]);
        var figures = RunFigures.Of(result);

        Assert.Equal((10, 10, 0.8), (figures.Operations, figures.Attempts, figures.WithinOneSecond));
        Assert.Equal(10, figures.Wishes["chat_message"]);
        Assert.Equal(1, figures.Failures["unavailable"]);
        Assert.Equal(TimeSpan.FromSeconds(2.7), figures.LongestSilence);
        // From the fault at 4.9 to the acks at 7.2; one of the three messages sent until the next fault was acked within a second.
        Assert.Equal(TimeSpan.FromSeconds(2.3), figures.Faults[0].LongestSilence);
        Assert.Equal(1.0 / 3, figures.Faults[0].WithinOneSecond, 3);
        Assert.Equal(1, figures.Faults[1].WithinOneSecond);
        Assert.Equal(TimeSpan.FromSeconds(1.5), figures.RecoveryMedian);
        Assert.Contains("all promises held", figures.Lines().Last());
    }

    [Fact]
    public void The_report_is_one_page_that_loads_nothing()
    {
        var result = new FaultRunResult(
            7, TimeSpan.FromSeconds(20), CleanRun.Make(), [new("hole", "room", "<nothing> between 4 & 6")],
            [new FaultWindow("kill-node", "realtime-1", TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(8))], []);
        var html = HtmlReport.Render(result);
        Assert.Contains("<svg", html);
        Assert.Contains("kill-node", html);
        Assert.Contains("&lt;nothing&gt; between 4 &amp; 6", html);
        Assert.DoesNotContain("<script", html);
        Assert.DoesNotContain("http", html.Replace("http://www.w3.org/2000/svg", ""));
    }
}
