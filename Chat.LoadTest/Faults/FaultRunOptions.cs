using Chat.LoadTest.CommandLine;

namespace Chat.LoadTest.Faults;

/// <summary>A run as it was asked for.</summary>
internal sealed record FaultRunOptions
{
    public required TimeSpan Length { get; init; }

    public required int Seed { get; init; }

    public required IReadOnlyList<Fault> Faults { get; init; }

    /// <summary>Asked for, and not possible with a system that runs already.</summary>
    public IReadOnlyList<Fault> LeftOut { get; init; } = [];

    public int Nodes { get; init; } = 2;

    public int Persisters { get; init; } = 2;

    public string? Report { get; init; }

    public bool Keep { get; init; }

    /// <summary>Set together: a system that runs already.</summary>
    public (Uri Target, Uri Dashboard)? Attached { get; init; }

    public string? DataDirectory { get; init; }

    public string? Postgres { get; init; }

    public static FaultRunOptions Parse(IReadOnlyList<string> words)
    {
        var arguments = new Arguments(words, "minutes", "seed", "faults", "nodes", "persisters", "report", "keep", "target", "dashboard", "data", "postgres");
        var (target, dashboard) = (arguments.Address("target"), arguments.Address("dashboard"));
        if (target is null != dashboard is null) throw new UsageException("--target and --dashboard belong together.");
        var faults = FaultCatalogue.Select(arguments.Text("faults") ?? FaultCatalogue.Everything);
        // The files of Redis can be exchanged only where they are known to be, and a system that runs knows no proxies of ours.
        Fault[] leftOut = target is null ? [] : [.. faults.Where(fault => fault.NeedsOwnSystem || (fault.Action == FaultAction.Rewind && arguments.Text("data") is null))];
        faults = [.. faults.Except(leftOut)];
        if (faults.Count == 0)
            throw new UsageException($"{string.Join(", ", leftOut.Select(fault => fault.Name))} cannot be done to a system that runs already{(leftOut.Any(fault => !fault.NeedsOwnSystem) ? "; rewind-redis needs --data: the data directory of the system" : "")}.");
        return new FaultRunOptions
        {
            Length = TimeSpan.FromMinutes(arguments.Number("minutes", 3.0, min: 0.5, max: 24 * 60)),
            Seed = arguments.Number("seed", Random.Shared.Next(1, int.MaxValue), min: 0, int.MaxValue),
            Faults = faults,
            LeftOut = leftOut,
            Nodes = arguments.Number("nodes", 2, min: 1, max: 16),
            Persisters = arguments.Number("persisters", 2, min: 1, max: 16),
            Report = arguments.Text("report"),
            Keep = arguments.Text("keep") is "yes",
            Attached = target is null ? null : (target, dashboard!),
            DataDirectory = arguments.Text("data"),
            Postgres = arguments.Text("postgres"),
        };
    }
}
