using Chat.Contracts;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Faults;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

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
        static IEnumerable<object> Messages(TrafficPlan plan) => plan.Writers[0].Steps().Take(200).Select(step => (step.Pause, step.Operation.Key.RoomId, step.Operation.EventType, step.Operation.Content, step.Target is null, step.Kind, step.Seed)).Cast<object>().ToArray();
    }

    [Fact]
    public void Writers_make_every_durable_event_and_change_only_what_they_wrote_before()
    {
        var plan = TrafficPlan.Make(5, "tag", TenMinutes, routes: 6, RoomIds.Direct);
        foreach (var writer in plan.Writers)
        {
            var written = new HashSet<OperationKey>();
            var steps = writer.Steps().Take(1_000).ToArray();
            foreach (var step in steps)
            {
                if (step.Target is { } target) Assert.Contains(target, written);
                if (step.Operation.EventType == EventTypes.ChatMessage) Assert.True(written.Add(step.Operation.Key));
            }
            string[] all = [EventTypes.ChatMessage, EventTypes.DataUpdate, EventTypes.MessageDeleted, EventTypes.MessageEdited, EventTypes.ReactionAdded, EventTypes.ReactionRemoved];
            Assert.Equal(all, steps.Select(step => step.Operation.EventType).Distinct().Order(StringComparer.Ordinal));
        }
        Assert.Equal([LinkKind.WebSocket, LinkKind.SignalR], plan.Writers.Select(writer => writer.Transport).Distinct());
        Assert.True(plan.Readers.Count(reader => reader.Transport == LinkKind.SignalR) >= 2);
    }

    [Fact]
    public void Patterns_choose_faults()
    {
        Assert.Equal(["kill-redis", "proxy-reset", "proxy-stall", "proxy-slow", "proxy-half-open"], FaultCatalogue.Select("kill-redis,proxy-*").Select(fault => fault.Name));
        Assert.Equal(["cut-kafka", "stall-kafka", "slow-kafka", "half-open-kafka"], FaultCatalogue.Select("*-kafka").Where(fault => fault.NeedsOwnSystem).Select(fault => fault.Name));
        Assert.Equal(FaultCatalogue.All, FaultCatalogue.Select("all"));
        Assert.Equal(["flush-redis", "rewind-redis"], FaultCatalogue.All.Where(fault => fault.Forgets).Select(fault => fault.Name));
        Assert.Contains("kill-node", Assert.Throws<UsageException>(() => FaultCatalogue.Select("kill-nothing")).Message);
    }
}
