using Chat.LoadTest.Recovery;

namespace Chat.Tests.LoadTest;

/// <summary>The measurement of recovery times on a system of its own, with few clients: what it measures is looked at elsewhere, here that it does.</summary>
[Collection(FaultRuns.Name)]
public sealed class RecoveryRunTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Clients_of_a_killed_node_come_back_and_miss_nothing()
    {
        var told = new StringWriter();
        var options = RecoveryOptions.Parse(["--connections", "40", "--rounds", "1", "--kill", "single,node"]);
        RecoveryResult result;
        try
        {
            result = await RecoveryCommand.RunAsync(options, told, TestContext.Current.CancellationToken);
        }
        finally
        {
            output.WriteLine(told.ToString());
        }
        Assert.Empty(result.Problems);
        Assert.Equal([1, 20], result.Measurements.Select(measurement => measurement.Times.Count));
        // How fast is not looked at: this machine may be busy. That all were back is.
        Assert.All(result.Measurements, measurement => Assert.InRange(measurement.Max, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(2)));
    }
}
