using Chat.Benchmarks;

namespace Chat.Tests.Transport;

/// <summary>What the hot path allocates per operation stays within the gates that stand beside its benchmarks.</summary>
public sealed class AllocationTests
{
    public static TheoryData<string> Gated => [.. AllocationGates.Names];

    [Theory]
    [MemberData(nameof(Gated))]
    public void An_operation_allocates_no_more_than_its_gate_allows(string benchmark)
    {
        var (perOperation, allowed) = AllocationGates.Measure(benchmark);
        Assert.True(perOperation <= allowed, $"{benchmark} allocates {perOperation} bytes; its gate is {allowed}.");
    }
}
