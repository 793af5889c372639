namespace Chat.LoadTest.Faults;

/// <summary>One fault of a run. <paramref name="Pick"/> chooses the replica or the proxy, by remainder.</summary>
internal sealed record PlannedFault(Fault Fault, TimeSpan At, TimeSpan Duration, int Pick)
{
    public override string ToString() => $"{At.TotalSeconds,6:0.0} s  {Fault.Name,-24} for {Duration.TotalSeconds:0.0} s, pick {Pick}";
}

/// <summary>
/// When what happens, from the seed alone. Rounds begin at fixed distances; every fault comes before any comes again;
/// some rounds have a second fault, which begins while the first lasts.
/// </summary>
internal static class Schedule
{
    /// <summary>Undisturbed at the start, so that there is something to lose.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(8);

    /// <summary>From round to round: a fault of at most 8 s, and time to see everything flow again.</summary>
    public static readonly TimeSpan Round = TimeSpan.FromSeconds(15);

    private const double ShareOfDouble = 0.3;
    private const int MaxPick = 1_000_000;

    public static IReadOnlyList<PlannedFault> Plan(int seed, TimeSpan length, IReadOnlyList<Fault> faults)
    {
        var random = new Random(seed);
        var plan = new List<PlannedFault>();
        var bag = new Queue<Fault>();
        for (var start = Quiet; start + Round <= length || plan.Count == 0; start += Round)
        {
            plan.Add(One(start + TimeSpan.FromSeconds(2 * random.NextDouble())));
            if (random.NextDouble() < ShareOfDouble) plan.Add(One(plan[^1].At + TimeSpan.FromSeconds(3 * random.NextDouble())));
        }
        return plan;

        PlannedFault One(TimeSpan at)
        {
            if (bag.Count == 0)
            {
                var shuffled = faults.ToArray();
                random.Shuffle(shuffled);
                bag = new Queue<Fault>(shuffled);
            }
            return new PlannedFault(bag.Dequeue(), at, TimeSpan.FromSeconds(2 + 6 * random.NextDouble()), random.Next(MaxPick));
        }
    }
}
