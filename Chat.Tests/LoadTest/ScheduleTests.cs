using Chat.Contracts;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Faults;
using Chat.LoadTest.Traffic;

namespace Chat.Tests.LoadTest;

/// <summary>The same seed gives the same run, and every fault has its turn.</summary>
public sealed class ScheduleTests
{
    private static readonly TimeSpan TenMinutes = TimeSpan.FromMinutes(10);

    [Fact]
    public void The_same_seed_gives_the_same_schedule()
    {
        Assert.Equal(Schedule.Plan(5, TenMinutes, FaultCatalogue.All), Schedule.Plan(5, TenMinutes, FaultCatalogue.All));
        Assert.NotEqual(Schedule.Plan(5, TenMinutes, FaultCatalogue.All), Schedule.Plan(6, TenMinutes, FaultCatalogue.All));
    }

    [Fact]
    public void Every_fault_comes_before_any_comes_again()
    {
        var names = Schedule.Plan(5, TenMinutes, FaultCatalogue.All).Select(planned => planned.Fault.Name).Take(FaultCatalogue.All.Count);
        Assert.Equal(FaultCatalogue.All.Select(fault => fault.Name).Order(), names.Order());
    }

    [Fact]
    public void Even_the_shortest_run_has_a_fault() => Assert.NotEmpty(Schedule.Plan(5, TimeSpan.FromSeconds(20), FaultCatalogue.All));

    [Fact]
    public void The_same_seed_gives_the_same_clients()
    {
        var (one, other) = (Plan(5), Plan(5));
        Assert.Equal(one.Readers.Select(r => (r.Name, r.Seed, string.Join(' ', r.Rooms), r.StartsAfter, r.Start)), other.Readers.Select(r => (r.Name, r.Seed, string.Join(' ', r.Rooms), r.StartsAfter, r.Start)));
        Assert.Equal(Messages(one), Messages(other));
        Assert.NotEqual(Messages(one), Messages(Plan(6)));

        static TrafficPlan Plan(int seed) => TrafficPlan.Make(seed, "tag", TenMinutes, routes: 6, RoomIds.Direct);
        // The ids that are UUIDv7 carry the moment.
        static IEnumerable<object> Messages(TrafficPlan plan) => plan.Writers[0].Steps().Take(200).Select(step => (step.Pause, step.Operation.Key.RoomId, step.Operation.Content, step.Kind, step.Seed)).Cast<object>().ToArray();
    }

    [Fact]
    public void Patterns_choose_faults()
    {
        Assert.Equal(["kill-redis", "proxy-reset", "proxy-stall", "proxy-slow", "proxy-half-open"], FaultCatalogue.Select("kill-redis,proxy-*").Select(fault => fault.Name));
        Assert.Equal(FaultCatalogue.All, FaultCatalogue.Select("all"));
        Assert.Equal(["flush-redis", "rewind-redis"], FaultCatalogue.All.Where(fault => fault.Forgets).Select(fault => fault.Name));
        Assert.Contains("kill-node", Assert.Throws<UsageException>(() => FaultCatalogue.Select("kill-nothing")).Message);
    }
}
