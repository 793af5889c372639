using System.Globalization;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Tokens;

namespace Chat.LoadTest.Recovery;

/// <summary>Starts or finds the system, measures, reports, and answers with the exit code.</summary>
internal static class RecoveryCommand
{
    private const int ShownProblems = 20;

    public static async Task<int> RunAsync(IReadOnlyList<string> words, TextWriter output, CancellationToken stop)
    {
        var options = RecoveryOptions.Parse(words);
        var result = await RunAsync(options, output, stop);
        if (options.Report is { } path) await File.WriteAllLinesAsync(path, Table(result), stop);
        return result.Held ? ExitCodes.Success : ExitCodes.Violation;
    }

    public static async Task<RecoveryResult> RunAsync(RecoveryOptions options, TextWriter output, CancellationToken stop)
    {
        if (options.Attached is { } attached)
        {
            using var dashboard = new Dashboard(attached.Dashboard);
            return await TellAsync(new RecoveryRun(options, attached.Target, dashboard, SigningKey.Find(options.DataDirectory), output));
        }

        return await OwnSystem.RunAsync(
            AppHostProcess.StartAsync(options.Nodes, persisters: 1, stop),
            (system, dashboard) => TellAsync(new RecoveryRun(options, system.Origin, dashboard, SigningKey.Find(system.DataDirectory), output)),
            result => result.Held, options.Keep, output);

        async Task<RecoveryResult> TellAsync(RecoveryRun run)
        {
            var result = await run.RunAsync(stop);
            foreach (var problem in result.Problems.Take(ShownProblems)) await output.WriteLineAsync($"VIOLATION {problem}");
            if (result.Problems.Count > ShownProblems) await output.WriteLineAsync($"  … {result.Problems.Count} in all");
            foreach (var line in Table(result)) await output.WriteLineAsync(line);
            await output.WriteLineAsync(result.Held
                ? "all promises held"
                : string.Create(CultureInfo.InvariantCulture, $"BROKEN: {result.Problems.Count} violations, {result.Measurements.Sum(measurement => measurement.Beyond)} times beyond their limit"));
            return result;
        }
    }

    private static IEnumerable<string> Table(RecoveryResult result) => [Measurement.Head, .. result.Measurements.Select(measurement => measurement.Row)];
}
