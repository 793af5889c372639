using System.Globalization;
using Chat.Contracts;
using Chat.LoadTest.Faults;

namespace Chat.Tests.LoadTest;

/// <summary>
/// The whole system under faults, with the independent clients and the checker of <c>Chat.LoadTest</c>. The seed is printed;
/// <c>CHAT_FAULT_SEED</c> sets another. After a violation the data directory of the system is kept.
/// </summary>
[Collection(FaultRuns.Name)]
public sealed class FaultRunTests(ITestOutputHelper output)
{
    private const int Seed = 20261;

    public static TheoryData<string> EveryFault => [.. FaultCatalogue.All.Select(fault => fault.Name)];

    [Fact]
    public Task Three_minutes_of_faults_break_no_promise() => HoldsAsync(FaultCatalogue.Everything, TimeSpan.FromMinutes(3));

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(EveryFault))]
    public Task A_fault_again_and_again_breaks_no_promise(string fault) => HoldsAsync(fault, TimeSpan.FromMinutes(1.2));

    [Fact]
    [Trait("Category", "Long")]
    public Task Half_an_hour_of_every_fault_breaks_no_promise() => HoldsAsync(FaultCatalogue.Everything, TimeSpan.FromMinutes(30));

    private async Task HoldsAsync(string faults, TimeSpan length)
    {
        var seed = Environment.GetEnvironmentVariable("CHAT_FAULT_SEED") is { Length: > 0 } given ? int.Parse(given, CultureInfo.InvariantCulture) : Seed;
        var told = new StringWriter();
        FaultRunResult result;
        try
        {
            var options = new FaultRunOptions { Length = length, Seed = seed, Faults = FaultCatalogue.Select(faults) };
            result = await FaultsCommand.RunAsync(options, told, TestContext.Current.CancellationToken);
        }
        finally
        {
            output.WriteLine(told.ToString());
        }
        Assert.True(result.Violations.Count == 0, told.ToString());
        // A run in which nothing was sent, read or hurt proves nothing.
        Assert.True(result.Record.Acks.Count > 10 * length.TotalSeconds, $"Only {result.Record.Acks.Count} acks: {told}");
        string[] everything = [EventTypes.ChatMessage, EventTypes.MessageEdited, EventTypes.MessageDeleted, EventTypes.ReactionAdded, EventTypes.ReactionRemoved, EventTypes.DataUpdate];
        Assert.All(everything, type => Assert.Contains(result.Record.History.Values.SelectMany(events => events), e => e.EventType == type));
        Assert.NotEmpty(result.Faults);
        Assert.All(result.Record.Readers, reader => Assert.NotEmpty(reader.Steps));
        Assert.NotNull(result.Record.Postgres);
    }
}

/// <summary>One after the other, with the machine for themselves.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class FaultRuns
{
    public const string Name = "Runs with faults";
}
