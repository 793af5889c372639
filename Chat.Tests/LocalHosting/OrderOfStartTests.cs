using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.Tests.Backends;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.LocalHosting;

public sealed class OrderOfStartTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    [Fact]
    public async Task What_waits_starts_only_when_its_dependency_is_ready_with_all_that_follows()
    {
        var mayBecomeReady = new TaskCompletionSource();
        var builder = Engines.Builder(_directory);
        var first = Sleeper(builder, "first").OnResourceReady((_, _, _) => mayBecomeReady.Task);
        Sleeper(builder, "second").WaitFor(first);
        Sleeper(builder, "third").WaitForStart(first);
        await using var app = builder.Build();

        await app.StartAsync();
        await UntilStateAsync(app, "second", KnownResourceStates.Waiting);
        await UntilStateAsync(app, "third", KnownResourceStates.Running);
        Assert.Equal(KnownResourceStates.Waiting, StateOf(app, "second"));

        mayBecomeReady.SetResult();
        await UntilStateAsync(app, "second", KnownResourceStates.Running);
    }

    [Fact]
    public async Task What_is_started_by_hand_waits_for_the_hand()
    {
        var builder = Engines.Builder(_directory);
        Sleeper(builder, "tool").WithExplicitStart();
        await using var app = builder.Build();
        await app.StartAsync();
        Assert.Equal(KnownResourceStates.NotStarted, StateOf(app, "tool"));

        await app.ResourceCommands.ExecuteCommandAsync("tool", KnownResourceCommands.StartCommand);

        Assert.Equal(KnownResourceStates.Running, StateOf(app, "tool"));
    }

    [Fact]
    public async Task What_waits_can_be_started_by_hand_without_waiting_longer()
    {
        var builder = Engines.Builder(_directory);
        var never = Sleeper(builder, "never").OnResourceReady((_, _, stopping) => Task.Delay(Timeout.Infinite, stopping));
        Sleeper(builder, "started").WaitFor(never);
        Sleeper(builder, "restarted").WaitFor(never);
        await using var app = builder.Build();
        await app.StartAsync();
        await UntilStateAsync(app, "started", KnownResourceStates.Waiting);

        await ExecuteAsync(app, "started", KnownResourceCommands.StartCommand);
        await ExecuteAsync(app, "restarted", KnownResourceCommands.RestartCommand);

        Assert.Equal((KnownResourceStates.Running, KnownResourceStates.Running), (StateOf(app, "started"), StateOf(app, "restarted")));
    }

    [Fact]
    public async Task What_waits_and_is_stopped_by_hand_does_not_start_when_the_wait_is_over()
    {
        var mayBecomeReady = new TaskCompletionSource();
        var builder = Engines.Builder(_directory);
        var first = Sleeper(builder, "first").OnResourceReady((_, _, _) => mayBecomeReady.Task);
        Sleeper(builder, "stopped").WaitFor(first);
        Sleeper(builder, "witness").WaitFor(first);
        await using var app = builder.Build();
        await app.StartAsync();

        await ExecuteAsync(app, "stopped", KnownResourceCommands.StopCommand);
        mayBecomeReady.SetResult();
        await UntilStateAsync(app, "witness", KnownResourceStates.Running);

        Assert.Equal(KnownResourceStates.NotStarted, StateOf(app, "stopped"));
        await ExecuteAsync(app, "stopped", KnownResourceCommands.StartCommand);
        Assert.Equal(KnownResourceStates.Running, StateOf(app, "stopped"));
    }

    [Fact]
    public async Task What_waits_for_something_that_failed_says_so_and_can_still_be_started()
    {
        var builder = Engines.Builder(_directory);
        var first = Sleeper(builder, "first").OnResourceReady((_, _, _) => throw new InvalidOperationException("no such luck"));
        Sleeper(builder, "second").WaitFor(first);
        await using var app = builder.Build();

        await app.StartAsync();
        await UntilStateAsync(app, "second", KnownResourceStates.FailedToStart);
        Assert.Contains("no such luck", ReadShared(_directory["data/logs/second-1.log"]));

        await ExecuteAsync(app, "second", KnownResourceCommands.StartCommand);
        Assert.Equal(KnownResourceStates.Running, StateOf(app, "second"));
    }

    [Fact]
    public async Task A_program_that_cannot_start_is_tried_again_and_says_why()
    {
        var builder = Engines.Builder(_directory);
        builder.AddExecutable("broken", "no-such-program", ".");
        await using var app = builder.Build();

        await app.StartAsync();

        await Engines.UntilAsync(
            () => File.Exists(_directory["data/logs/broken-1.log"]) && ReadShared(_directory["data/logs/broken-1.log"]).Split("starting again").Length > 2,
            "the log tells of two attempts");
    }

    [Fact]
    public async Task A_child_that_ignores_the_request_to_stop_is_killed()
    {
        var builder = Engines.Builder(_directory);
        builder.AddExecutable("deaf", "sh", ".", "-c", "trap '' TERM; while :; do read line < /dev/zero; done");
        var app = builder.Build();
        await app.StartAsync();
        await UntilStateAsync(app, "deaf", KnownResourceStates.Running);
        var pid = app.ResourceNotifications.Current.Single().Snapshot.Pid!.Value;

        await app.DisposeAsync().AsTask().WaitAsync(Engines.Timeout);

        Assert.False(Engines.IsAlive(pid));
    }

    public void Dispose() => _directory.Dispose();

    private static IResourceBuilder<ExecutableResource> Sleeper(IDistributedApplicationBuilder builder, string name) =>
        builder.AddExecutable(name, "sleep", ".", "100000");

    private static async Task ExecuteAsync(DistributedApplication app, string name, string command)
    {
        using var deadline = new CancellationTokenSource(Engines.Timeout);
        Assert.True((await app.ResourceCommands.ExecuteCommandAsync(name, command, deadline.Token)).Success);
    }

    private static string? StateOf(DistributedApplication app, string name) =>
        app.ResourceNotifications.Current.Single(resourceEvent => resourceEvent.Resource.Name == name).Snapshot.State?.Text;

    private static async Task UntilStateAsync(DistributedApplication app, string name, string state)
    {
        using var deadline = new CancellationTokenSource(Engines.Timeout);
        await app.ResourceNotifications.WaitForResourceAsync(name, state, deadline.Token);
    }

    private static string ReadShared(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }
}
