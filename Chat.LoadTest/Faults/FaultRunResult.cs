using Chat.LoadTest.Checking;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Faults;

/// <summary>What came of a run.</summary>
internal sealed record FaultRunResult(
    int Seed, TimeSpan Length, RunRecord Record, IReadOnlyList<Violation> Violations, IReadOnlyList<FaultWindow> Faults, IReadOnlyList<Outage> Outages);
