using Chat.LocalHosting.Processes;

namespace Chat.Tests.LocalHosting;

public sealed class LoopbackPortTests
{
    [Fact]
    public void Ports_differ_although_nobody_listens_on_them_yet()
    {
        var ports = Enumerable.Range(0, 500).AsParallel().Select(_ => LoopbackPort.Pick()).ToList();
        Assert.Equal(ports.Count, ports.Distinct().Count());
    }

    [Fact]
    public void A_port_that_is_taken_is_passed_over()
    {
        var next = LoopbackPort.Pick() + 1;
        Assert.DoesNotContain(next, Enumerable.Range(0, 500).Select(_ => LoopbackPort.Pick(new HashSet<int> { next })));
    }
}
