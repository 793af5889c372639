using System.Runtime;
using Chat.LoadTest.Measuring;

namespace Chat.Tests.LoadTest;

/// <summary>It is about the whole process, so no other test runs meanwhile.</summary>
[Collection(CollectorRests.Name)]
public sealed class CollectorRestTests
{
    [Fact]
    public void The_collector_rests_within_a_run_and_works_as_before_after_it()
    {
        var before = GCSettings.LatencyMode;
        using (CollectorRest.Begin()) Assert.Equal(GCLatencyMode.NoGCRegion, GCSettings.LatencyMode);
        Assert.Equal(before, GCSettings.LatencyMode);
    }

    [Fact]
    public void A_run_that_allocates_more_than_was_set_aside_is_collected_and_ends_without_a_complaint()
    {
        using (CollectorRest.Begin())
        {
            var collections = GC.CollectionCount(0);
            for (var megabytes = 0; GC.CollectionCount(0) == collections && megabytes < 2_048; megabytes++) GC.KeepAlive(new byte[1 << 20]);
            Assert.NotEqual(GCLatencyMode.NoGCRegion, GCSettings.LatencyMode);
        }
        Assert.NotEqual(GCLatencyMode.NoGCRegion, GCSettings.LatencyMode);
    }
}

[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class CollectorRests
{
    public const string Name = "rests of the collector";
}
