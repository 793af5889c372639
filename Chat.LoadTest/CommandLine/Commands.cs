using Chat.LoadTest.Faults;
using Chat.LoadTest.Load;
using Chat.LoadTest.Recovery;
using Chat.LoadTest.Tokens;

namespace Chat.LoadTest.CommandLine;

/// <summary>The commands and their help.</summary>
internal static class Commands
{
    private const string Help = """
        dotnet run --project Chat.LoadTest -- COMMAND [options]

        tokens    writes access tokens for tests: lines of access_token<TAB>user_id<TAB>user_name
          --count N            how many (default 100)
          --out FILE           where to (default: standard output)
          --prefix TEXT        of user ids and names (default load)
          --hours N            how long they are valid (default 24)
          --data DIRECTORY     data directory of the platform, whose signing.key is used (default: CHAT_DATA, else .data);
                               the variable Chat__Auth__SigningKey, where it is set, goes before it

        faults    hurts a system while clients chat, then proves that nothing was lost, doubled or reordered
          --minutes M          how long (default 3)
          --seed S             schedule and clients (default: drawn and printed); the same seed gives the same ones
          --faults A,B,…       which faults: names, or patterns such as stop-continue-* (default: all)
          --nodes N, --persisters N
                               of the system that is started (default 2, 2)
          --report FILE        writes a self-contained HTML page
          --keep               yes: keeps the data directory also after a clean run (default no)
          --target URL --dashboard URL [--data DIRECTORY] [--postgres CONNECTION]
                               attaches to a system that runs instead of starting one; its limits must be off.
                               The faults of the links to Redis, Kafka and Postgres are left out then,
                               and rewind-redis unless --data is given

        recovery  kills processes under thousands of connections and measures how long clients and acks take to be back
          --connections N      how many (default 5000), each in three rooms
          --rounds R           how often each is killed (default 3)
          --kill A,B,…         single (the node of a single client), node, redis, kafka, postgres (default: all)
          --nodes N            of the system that is started (default 2)
          --report FILE        writes the table of the end (Markdown)
          --keep, --target URL --dashboard URL [--data DIRECTORY]
                               as for faults

        """;

    private const string FaultNames = """

        Names of faults
        """;

    private const string Recipes = """

        Recipes
          tokens --count 1000 --out tokens.tsv
          faults --minutes 10 --report faults.html
          faults --minutes 3 --seed 42 --faults kill-*,proxy-*
          recovery --connections 5000 --rounds 5 --nodes 3
          fanout --members 1000 --rate 20 --p99-ms 50 --report fanout.html --report fanout.json
          polling --users 200 --rate 2 --report polling.md

        Exit code: 0 all promises held, 1 a violation was found, or a limit or an objective was missed, 2 the run could not be done.
        """;

    public static async Task<int> RunAsync(string[] words, TextWriter output, CancellationToken stop)
    {
        try
        {
            return words switch
            {
                ["tokens", .. var rest] => await TokensCommand.RunAsync(rest, output, stop),
                ["faults", .. var rest] => await FaultsCommand.RunAsync(rest, output, stop),
                ["recovery", .. var rest] => await RecoveryCommand.RunAsync(rest, output, stop),
                [var name, .. var rest] when ScenarioCatalogue.Find(name) is { } kind => await LoadCommand.RunAsync(kind.Parse(rest), output, stop),
                [] or ["--help"] or ["-h"] or ["help"] => await ShowHelpAsync(output),
                _ => throw new UsageException($"There is no command '{words[0]}'; there are tokens, faults, recovery, {string.Join(", ", ScenarioCatalogue.All.Select(kind => kind.Name))}. See --help."),
            };
        }
        catch (UsageException problem)
        {
            await output.WriteLineAsync(problem.Message);
            return ExitCodes.NotRun;
        }
        catch (HttpRequestException away)
        {
            await output.WriteLineAsync($"The dashboard gives no answer: {away.Message}");
            return ExitCodes.NotRun;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await output.WriteLineAsync("Stopped before the end: nothing is proven.");
            return ExitCodes.NotRun;
        }
    }

    private static async Task<int> ShowHelpAsync(TextWriter output)
    {
        await output.WriteLineAsync(Help);
        await output.WriteLineAsync(ScenarioCatalogue.Help);
        await output.WriteLineAsync(FaultNames);
        foreach (var fault in FaultCatalogue.All)
            await output.WriteLineAsync($"  {fault.Name,-26} {fault.Says}");
        await output.WriteLineAsync(Recipes);
        return ExitCodes.Success;
    }
}
