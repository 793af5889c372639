using System.Collections.Concurrent;
using Chat.Data.Numbering;
using Chat.LocalHosting.Processes;
using Chat.Tests.Numbering;

namespace Chat.Tests.Persister;

/// <summary>The built program in a process of its own.</summary>
public sealed class PersisterProgramTests(PersisterServersFixture fixture) : IClassFixture<PersisterServersFixture>, IDisposable
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(40);

    private readonly PersisterServers _servers = fixture.Servers;
    private readonly string _room = RoomStore.NewRoom();
    private readonly ProcessStarter _starter = new();
    private readonly ConcurrentQueue<string> _output = new();
    private readonly int _port = LoopbackPort.Pick();

    public void Dispose() => _starter.Dispose();

    [Fact]
    public async Task It_tells_its_health_and_its_figures_and_ends_with_0()
    {
        await using var process = await StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        var events = await _servers.Log.AppendNewAsync(_room, 25);
        await _servers.AssertPersistedAsync(_room, events);

        await PersisterServers.PollAsync(() => AnswersAsync(http), () => "the program to be healthy"); // it persists before it listens
        var metrics = "";
        await PersisterServers.PollAsync(async () => (metrics = await http.GetStringAsync("/metrics")).Contains("chat_persist_lag_events", StringComparison.Ordinal)
            && metrics.Split('\n').Any(line => line.StartsWith("chat_persisted_total", StringComparison.Ordinal) && line.Contains(" 25", StringComparison.Ordinal)), () => $"25 persisted events in {metrics}");
        Assert.Equal(0, await process.StopAsync().WaitAsync(Wait));
        Assert.DoesNotContain(_output, line => line.Contains(" fail ", StringComparison.Ordinal) || line.Contains(" crit ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Killed_again_and_again_it_loses_and_doubles_nothing()
    {
        var rooms = Enumerable.Range(0, 8).Select(_ => RoomStore.NewRoom()).ToList();
        var logged = rooms.ToDictionary(room => room, _ => new List<PendingEvent>());
        for (var round = 0; round < 2; round++)
        {
            await using var process = await StartAsync();
            foreach (var room in rooms)
                logged[room].AddRange(await _servers.Log.AppendNewAsync(room, 200));
            // Killed as soon as some of it has arrived, in the middle of the rest.
            await _servers.WaitForRowsAsync(rooms[round], logged[rooms[round]].Count - 150);
            await process.KillAsync();
        }
        await using var last = await StartAsync();

        foreach (var room in rooms)
            await _servers.AssertPersistedAsync(room, logged[room]);
    }

    private static async Task<bool> AnswersAsync(HttpClient http)
    {
        try
        {
            return (await http.GetStringAsync("/health")).Contains("\"status\":\"healthy\"", StringComparison.Ordinal);
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<ChildProcess> StartAsync()
    {
        var command = new ChildCommand(Path.Combine(AppContext.BaseDirectory, "Chat.Persister"))
        {
            Environment = new Dictionary<string, string?>
            {
                ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{_port}",
                ["ConnectionStrings__kafka"] = _servers.Kafka.ConnectionString,
                ["ConnectionStrings__redis"] = _servers.Redis.ConnectionString,
                ["ConnectionStrings__chatdb"] = _servers.Store.DatabaseConnection,
            },
        };
        var output = TestContext.Current.TestOutputHelper;
        return await _starter.StartAsync(command, line =>
        {
            _output.Enqueue(line.Text);
            output?.WriteLine(line.Text);
        });
    }
}
