using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Chat.Tests.EndToEnd;

namespace Chat.Tests.Clients;

/// <summary>One run of the tests of <c>clients/js</c> by Node, with the shared system as the platform, and what came of it.</summary>
public sealed partial class JavaScriptRun(SharedSystem shared) : IAsyncLifetime
{
    private static readonly TimeSpan InstallPatience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan RunPatience = TimeSpan.FromMinutes(3);

    /// <summary>Whether all tests of a behaviour passed, for each that was tested.</summary>
    internal IReadOnlyDictionary<string, bool> Passed { get; private set; } = new Dictionary<string, bool>();

    internal int ExitCode { get; private set; }

    internal string Output { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        var folder = Path.Combine(Behaviours.Folder, "js");
        if (new[] { "typescript", "ws" }.Any(package => !Directory.Exists(Path.Combine(folder, "node_modules", package))))
        {
            var (code, output) = await RunAsync(folder, InstallPatience, "npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], []);
            if (code != 0) throw new InvalidOperationException($"npm ci failed in {folder}:\n{output}");
        }

        var people = new List<object>();
        foreach (var name in (string[])["ann", "bob"])
        {
            var person = await shared.System.RegisterAsync(name);
            people.Add(new { user_id = person.UserId, user_name = person.UserName, access_token = await person.AccessTokenAsync() });
        }
        string[] files = [.. Directory.EnumerateFiles(Path.Combine(folder, "test"), "*.test.js", SearchOption.AllDirectories).Order()];
        (ExitCode, Output) = await RunAsync(folder, RunPatience, "node", ["--test", "--test-reporter=tap", .. files], new()
        {
            ["CHAT_URL"] = shared.System.Origin.GetLeftPart(UriPartial.Authority),
            ["CHAT_PEOPLE"] = JsonSerializer.Serialize(people),
        });
        Passed = Result().Matches(Output).GroupBy(result => result.Groups["id"].Value)
            .ToDictionary(results => results.Key, results => results.All(result => !result.Groups["failed"].Success && !result.Groups["left"].Success));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // ok 12 - resumes: After a lost connection …
    [GeneratedRegex(@"^ *(?<failed>not )?ok \d+ - (?<id>[a-z-]+): [^#\r\n]*(?<left># (SKIP|TODO))?", RegexOptions.Multiline)]
    private static partial Regex Result();

    private static async Task<(int Code, string Output)> RunAsync(string folder, TimeSpan patience, string program, string[] arguments, Dictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        using var late = new CancellationTokenSource(patience);
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(late.Token), process.StandardError.ReadToEndAsync(late.Token));
            await process.WaitForExitAsync(late.Token);
            return (process.ExitCode, await output + await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"Expected {program} to end within {patience.TotalMinutes} minutes.");
        }
    }
}
