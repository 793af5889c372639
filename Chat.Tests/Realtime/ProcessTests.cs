using System.Diagnostics;
using System.Net;
using Chat.LocalHosting.Processes;
using Chat.Tests.Hub;

namespace Chat.Tests.Realtime;

/// <summary>The node as a process of its own, as it is run: what SIGTERM does to it.</summary>
[Collection(nameof(NodeCollection))]
public sealed class ProcessTests(NodeFixture fixture)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task SIGTERM_drains_and_ends_with_0()
    {
        var backing = await fixture.BackingAsync();
        var address = new Uri($"http://127.0.0.1:{LoopbackPort.Pick()}");
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Chat.Realtime")) { RedirectStandardOutput = true };
        foreach (var (name, value) in new[]
        {
            ("ASPNETCORE_URLS", address.ToString()), ("ConnectionStrings__redis", backing.Redis), ("ConnectionStrings__kafka", backing.Kafka),
            ("ConnectionStrings__chatdb", backing.Postgres), ("Chat__Auth__SigningKey", TestNode.SigningKeyText), ("Chat__Drain__Seconds", "1"),
        })
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync();
            await WhenHealthyAsync(address, process);
            await using var client = await TestClient.OpenAsync(address, TestNode.Token(NodeFixture.Name("ann")));
            await client.NextAsync("welcome");
            await using var hub = await HubClient.OpenAsync(address, TestNode.Token(NodeFixture.Name("bea")));
            await hub.NextAsync("welcome");

            var clock = Stopwatch.StartNew();
            using (var kill = Process.Start("kill", ["-TERM", $"{process.Id}"])) await kill.WaitForExitAsync();
            await client.NextAsync("reconnect");
            using (var http = new HttpClient())
            using (var health = await http.GetAsync(new Uri(address, "/health")))
                Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
            Assert.Equal(1012, await client.CloseCodeAsync());
            await hub.NextAsync("reconnect");
            Assert.Contains("1012: ", (await hub.ClosedAsync())?.Message);
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(Patience);
            Assert.Equal(0, process.ExitCode);
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"The process took {clock.Elapsed} to end.\n{await output}");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private static async Task WhenHealthyAsync(Uri address, Process process)
    {
        using var http = new HttpClient();
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < Patience && !process.HasExited; await Task.Delay(100))
        {
            try
            {
                using var answer = await http.GetAsync(new Uri(address, "/health"));
                if (answer.StatusCode == HttpStatusCode.OK) return;
            }
            catch (HttpRequestException)
            {
                continue; // not listening yet
            }
        }
        throw new TimeoutException("The process did not become healthy.");
    }
}
