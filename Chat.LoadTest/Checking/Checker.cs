using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>All verdicts over a recorded run: pure functions, so the same record always gives the same answer.</summary>
internal static class Checker
{
    private static readonly IReadOnlyList<Func<RunRecord, IEnumerable<Violation>>> Verdicts =
    [
        AckVerdicts.AckedButMissing,
        AckVerdicts.AckDiffersFromHistory,
        AckVerdicts.AcksDisagree,
        AckVerdicts.Unanswered,
        AckVerdicts.Refused,
        AckVerdicts.ChangedAfterDeletion,
        HistoryVerdicts.Phantom,
        HistoryVerdicts.Duplicate,
        HistoryVerdicts.Hole,
        HistoryVerdicts.EpochReturned,
        OrderVerdicts.EarlierThanAnAckedOne,
        OrderVerdicts.PipelineReordered,
        NumberVerdicts.OneNumberTwoEvents,
        ReaderVerdicts.ReaderMissed,
        ReaderVerdicts.ReaderDiffersFromHistory,
        StreamVerdicts.StreamBroken,
        StreamVerdicts.ReloadedWithoutNeed,
        StateVerdicts.HistoryShowsOtherState,
        StateVerdicts.ReaderSawOtherState,
        StateVerdicts.ViewsDiffer,
        PostgresVerdicts.PostgresDiffers,
    ];

    public static IReadOnlyList<Violation> Check(RunRecord run) => [.. Verdicts.SelectMany(verdict => verdict(run))];
}
