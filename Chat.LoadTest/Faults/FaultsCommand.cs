using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Reporting;
using Chat.LoadTest.Tokens;

namespace Chat.LoadTest.Faults;

/// <summary>Starts or finds the system, runs, reports, and answers with the exit code.</summary>
internal static class FaultsCommand
{
    private const int ShownOfKind = 8;

    public static async Task<int> RunAsync(IReadOnlyList<string> words, TextWriter output, CancellationToken stop)
    {
        var options = FaultRunOptions.Parse(words);
        var result = await RunAsync(options, output, stop);
        if (options.Report is { } path) await File.WriteAllTextAsync(path, HtmlReport.Render(result), stop);
        return result.Violations.Count == 0 ? ExitCodes.Success : ExitCodes.Violation;
    }

    public static async Task<FaultRunResult> RunAsync(FaultRunOptions options, TextWriter output, CancellationToken stop)
    {
        await output.WriteLineAsync($"seed {options.Seed}, {options.Length.TotalMinutes:0.#} min, faults {string.Join(',', options.Faults.Select(fault => fault.Name))}");
        if (options.Attached is { } attached)
        {
            if (options.LeftOut.Count > 0) await output.WriteLineAsync($"left out, because they need a system that this program starts (rewind-redis: --data): {string.Join(',', options.LeftOut.Select(fault => fault.Name))}");
            using var dashboard = new Dashboard(attached.Dashboard);
            return await TellAsync(new FaultRun(options, attached.Target, dashboard, SigningKey.Find(options.DataDirectory), options.DataDirectory, links: null, output));
        }

        await using var links = new BackingLinks();
        return await OwnSystem.RunAsync(
            AppHostProcess.StartAsync(options.Nodes, options.Persisters, stop, links.Settings),
            (system, dashboard) => TellAsync(new FaultRun(options, system.Origin, dashboard, SigningKey.Find(system.DataDirectory), system.DataDirectory, links, output)),
            result => result.Violations.Count == 0, options.Keep, output);

        async Task<FaultRunResult> TellAsync(FaultRun run)
        {
            var result = await run.RunAsync(stop);
            // Some of each kind: one defect can make hundreds of one.
            foreach (var violation in result.Violations.GroupBy(violation => violation.Verdict).SelectMany(kind => kind.Take(ShownOfKind)))
                await output.WriteLineAsync($"VIOLATION {violation.Verdict}: {violation.RoomId} {violation.Detail}{(violation.At is { } at ? $" (at {at.TotalSeconds:0.000} s)" : "")}");
            foreach (var kind in result.Violations.GroupBy(violation => violation.Verdict))
                await output.WriteLineAsync($"  {kind.Count()} × {kind.Key}");
            foreach (var line in RunFigures.Of(result).Lines()) await output.WriteLineAsync(line);
            return result;
        }
    }
}
