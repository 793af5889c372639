using Chat.LocalHosting.Processes;
using Chat.Tests.Backends;

namespace Chat.Tests.LocalHosting;

/// <summary>Nothing that the engine started outlives it, however it ends.</summary>
public sealed class CrashTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    [Fact]
    public async Task When_the_engine_is_killed_its_children_end_and_the_next_start_finds_the_data()
    {
        string connectionString;
        int[] pids;
        await using (var app = await SmallAppProcess.StartAsync(_directory["data"]))
        {
            pids = await app.PidsAsync();
            connectionString = (string)(await app.ResourcesAsync())[0]!["connection_string"]!;
            Assert.Equal(5, pids.Length);

            app.Send(Signal.Kill);
            await app.WaitForExitAsync();
        }
        await Engines.UntilAsync(() => !pids.Any(Engines.IsAlive), "no child is left");

        await using var again = await SmallAppProcess.StartAsync(_directory["data"]);
        // The password is the cluster's: a server that answers to it has found its data.
        Assert.Equal(PasswordOf(connectionString), PasswordOf((string)(await again.ResourcesAsync())[0]!["connection_string"]!));
    }

    [Fact]
    public async Task A_killed_engine_can_be_started_again_at_once()
    {
        await using (var app = await SmallAppProcess.StartAsync(_directory["data"]))
            app.Send(Signal.Kill);

        await using var again = await SmallAppProcess.StartAsync(_directory["data"]);

        Assert.All(await again.ResourcesAsync(), resource => Assert.Equal("Healthy", (string)resource!["health"]!));
    }

    [Fact]
    public async Task On_SIGTERM_everything_stops_and_the_exit_code_is_zero()
    {
        await using var app = await SmallAppProcess.StartAsync(_directory["data"]);
        var pids = await app.PidsAsync();

        app.Send(Signal.Terminate);
        await app.WaitForExitAsync();

        Assert.Equal(0, app.ExitCode);
        Assert.DoesNotContain(pids, Engines.IsAlive);
        Assert.False(File.Exists(_directory["data/postgres/postmaster.pid"]), "Postgres was stopped and not killed");
    }

    [Fact]
    public async Task A_second_engine_is_told_who_holds_the_data_directory()
    {
        await using var first = await SmallAppProcess.StartAsync(_directory["data"]);

        await using var second = await SmallAppProcess.RunToEndAsync(_directory["data"]);

        Assert.Equal(1, second.ExitCode);
        Assert.Matches(@"data directory .* is in use by process \d+, started", second.Output);
        Assert.DoesNotContain("   at ", second.Output);
    }

    public void Dispose() => _directory.Dispose();

    private static string PasswordOf(string connectionString) => connectionString.Split("Password=")[1];
}
