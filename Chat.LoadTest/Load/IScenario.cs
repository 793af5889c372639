using Chat.LoadTest.Reporting;

namespace Chat.LoadTest.Load;

/// <summary>A load as it was asked for.</summary>
internal interface IScenario
{
    LoadOptions Options { get; }

    Task<Report> RunAsync(Site site, CancellationToken stop);
}
