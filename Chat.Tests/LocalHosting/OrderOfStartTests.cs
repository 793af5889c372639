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
