using Aspire.Hosting;
using Chat.Tests.Backends;

namespace Chat.Tests.LocalHosting;

/// <summary>Engines inside the test process, for models that a test makes itself.</summary>
internal static class Engines
{
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    public static IDistributedApplicationBuilder Builder(TestDirectory directory, params string[] arguments) =>
        DistributedApplication.CreateBuilder(new DistributedApplicationOptions
        {
            Args = [$"CHAT_DATA={directory["data"]}", "DcpPublisher:RandomizePorts=true", .. arguments],
            ProjectDirectory = directory.Path,
            DisableDashboard = true,
        });

    /// <summary>Waits until the condition holds; the message says what was expected.</summary>
    public static async Task UntilAsync(Func<bool> condition, string expected)
    {
        using var deadline = new CancellationTokenSource(Timeout);
        while (!condition())
        {
            if (deadline.IsCancellationRequested)
                Assert.Fail($"Expected within {Timeout.TotalSeconds} s: {expected}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    public static bool IsAlive(int pid)
    {
        // A zombie is dead: only its parent's look at its exit code is missing.
        var status = $"/proc/{pid}/stat";
        try
        {
            return File.Exists(status) && File.ReadAllText(status).Split(')')[^1].TrimStart()[0] != 'Z';
        }
        catch (IOException)
        {
            return false;
        }
    }
}
