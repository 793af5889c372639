using Chat.LoadTest.Load;

namespace Chat.Tests.LoadTest;

/// <summary>A load on a system of its own, small: how fast it is is not looked at here, that it is measured and accounted for is.</summary>
[Collection(FaultRuns.Name)]
public sealed class LoadRunTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_small_fanout_is_accounted_for_to_the_last_delivery()
    {
        var told = new StringWriter();
        try
        {
            var scenario = DeliveryScenario.Fanout(["--members", "20", "--rate", "20", "--warm-up", "1", "--seconds", "3"]);
            var report = await LoadCommand.MeasureAsync(scenario, told, TestContext.Current.CancellationToken);
            Assert.True(report.Held, report.LastLine);
            Assert.Equal((80, 80, 1_600, 0), (Of("publishes"), Of("acked"), Of("delivered"), Of("lost")));
            Assert.True(Of("latency_p99_ms") > 0);
            Assert.True(Of("bytes_per_delivery") > 100);
            Assert.True(Of("server_cores") > 0);
            var processes = report.Tables.Single(table => table.Title == "Processes").Rows;
            Assert.All(["realtime-1", "realtime-2", "gateway-1", "persister-1", "redis-1", "kafka-1", "postgres-1", "load generator"], name => Assert.Contains(processes, row => row[0] == name));
            Assert.DoesNotContain("not available", processes.Single(row => row[0] == "realtime-1"));

            double? Of(string key) => report.Figures.Single(figure => figure.Key == key).Value;
        }
        finally
        {
            output.WriteLine(told.ToString());
        }
    }
}
