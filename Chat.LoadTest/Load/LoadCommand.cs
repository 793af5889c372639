using System.Text.Json;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Reporting;
using Chat.LoadTest.Tokens;

namespace Chat.LoadTest.Load;

/// <summary>Starts or finds the system, runs a scenario on it, writes its reports, and answers with the exit code.</summary>
internal static class LoadCommand
{
    public static async Task<int> RunAsync(IScenario scenario, TextWriter output, CancellationToken stop)
    {
        Report report;
        try
        {
            report = await MeasureAsync(scenario, output, stop);
        }
        catch (Exception malformed) when (malformed is FormatException or JsonException or KeyNotFoundException)
        {
            await output.WriteLineAsync($"BREACH protocol broken: {malformed.Message}");
            return ExitCodes.Violation;
        }
        foreach (var file in scenario.Options.Reports) await file.WriteAsync(report, stop);
        return report.Held ? ExitCodes.Success : ExitCodes.Violation;
    }

    public static async Task<Report> MeasureAsync(IScenario scenario, TextWriter output, CancellationToken stop)
    {
        var options = scenario.Options;
        var progress = new ProgressDisplay(output);
        if (options.Attached is { } attached)
        {
            using var dashboard = new Dashboard(attached.Dashboard);
            return await RunAsync(attached.Target, dashboard, SigningKey.Find(options.DataDirectory));
        }

        await progress.SayAsync("starting a system of its own");
        return await OwnSystem.RunAsync(
            AppHostProcess.StartAsync(options.Nodes, persisters: 1, stop),
            (system, dashboard) => RunAsync(system.Origin, dashboard, SigningKey.Find(system.DataDirectory)),
            report => report.Held, options.Keep, output);

        async Task<Report> RunAsync(Uri origin, Dashboard dashboard, byte[] signingKey)
        {
            using var site = await Site.OpenAsync(options, origin, dashboard, signingKey, progress, stop);
            var report = await scenario.RunAsync(site, stop);
            await output.WriteLineAsync(report.Summary);
            await output.WriteLineAsync(MarkdownReport.Tables(report));
            await output.WriteLineAsync(report.LastLine);
            return report;
        }
    }
}
