using System.Text.Json;
using Chat.Contracts;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Crowds;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Reporting;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Load;

/// <summary>
/// How many connections a second are accepted, authenticated and subscribed: first of users whom the platform does not know and who join their room, then of
/// the same users again. So many at once try; each counts from its first byte to the ack of its subscription.
/// </summary>
internal sealed class ConnectScenario : IScenario
{
    private const int MembersPerRoom = 20;
    private const int AuthorCount = 4;
    // Until the platform has seen the connections of the first run go.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly int _connections;
    private readonly int _atOnce;
    private readonly IReadOnlyList<Objective> _objectives;

    private ConnectScenario(Arguments arguments)
    {
        Options = LoadOptions.Parse(arguments);
        _connections = arguments.Number("connections", 2_000, min: 1, ConnectionLimit.Most);
        ConnectionLimit.Check(_connections, Options);
        _atOnce = arguments.Number("at-once", 50, min: 1, max: 1_000);
        var objectives = new List<Objective> { new("max-failed", "failed", arguments.Number("max-failed", 0, min: 0, int.MaxValue)) };
        if (arguments.Text("min-rate") is not null)
            objectives.AddRange(new[] { "new_per_second", "known_per_second" }.Select(key => new Objective("min-rate", key, arguments.Number("min-rate", 0.0, min: 0.1, max: 1_000_000), IsFloor: true)));
        _objectives = objectives;
    }

    public LoadOptions Options { get; }

    public static ConnectScenario Parse(IReadOnlyList<string> words) => new(new Arguments(words, ["connections", "at-once", "min-rate", "max-failed", .. LoadOptions.Names]));

    public async Task<Report> RunAsync(Site site, CancellationToken stop)
    {
        var tag = Site.NewTag();
        var plan = CrowdPlan.OneRoomEach(tag, (_connections + MembersPerRoom - 1) / MembersPerRoom, MembersPerRoom);
        await site.Progress.ShowAsync($"making {plan.Rooms.Count} rooms", _ => new CrowdSetup(site.Http, site.Origin).PrepareAsync(plan, site.Users($"{tag}-a", AuthorCount), [], stop));
        var users = site.Users($"{tag}-u", _connections);
        var first = await ConnectAllAsync(site, "new users", users, plan, stop);
        await Task.Delay(Pause, stop);
        var second = await ConnectAllAsync(site, "known users", users, plan, stop);

        Figure[] figures =
        [
            new("new_per_second", "connections a second, new users", first.PerSecond, "/s"),
            new("known_per_second", "connections a second, known users", second.PerSecond, "/s"),
            new("failed", "connections that failed", first.Failed + second.Failed),
            new("new_p99_ms", "until subscribed, new users, 99 %", first.Times.Summary().P99, "ms"),
            new("known_p99_ms", "until subscribed, known users, 99 %", second.Times.Summary().P99, "ms"),
            new("new_server_ms_per_connection", "CPU of all servers for a connection, new users", first.ServerMs, "ms"),
            new("known_server_ms_per_connection", "CPU of all servers for a connection, known users", second.ServerMs, "ms"),
        ];
        return new Report
        {
            Scenario = "connect",
            Summary = $"{_connections} connections, {_atOnce} at once, each to a room of {MembersPerRoom}.",
            Settings = [.. Options.Settings, new("connections", Figure.Format(_connections)), new("at once", Figure.Format(_atOnce))],
            Figures = figures,
            Verdicts = [.. _objectives.Select(objective => objective.Judge(figures))],
            Tables =
            [
                DeliveryReport.LatencyTable("Until subscribed, ms", [("new users", first.Times), ("known users", second.Times)]),
                ProcessReport.Table("Processes, new users", first.Processes),
                ProcessReport.Table("Processes, known users", second.Processes),
            ],
            Charts =
            [
                new Chart("Connections of each second", "s", "", [Curve("new users", first), Curve("known users", second)]),
                ProcessReport.CpuChart("CPU, new users", first.Processes),
                ProcessReport.CpuChart("CPU, known users", second.Processes),
            ],
            Notes = ["So many at once try, and the next one only when one is through: the rate is what the system takes, and the times are those under that load."],
        };

        static Curve Curve(string name, Connected run) => new(name, [.. run.Times.Points.Select(point => new Point(point.At.TotalSeconds, point.Count))]);
    }

    private async Task<Connected> ConnectAllAsync(Site site, string who, IReadOnlyList<User> users, CrowdPlan plan, CancellationToken stop)
    {
        using var processes = new ProcessWatch(site.Dashboard, site.Clock);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var times = new Latencies();
        var reading = new Task[users.Count];
        var (done, failed) = (0, 0);
        var (began, took) = (TimeSpan.Zero, TimeSpan.Zero);
        IReadOnlyList<ProcessUse> used = [];
        try
        {
            await processes.LookAsync(stop);
            await site.Progress.ShowAsync($"connecting {users.Count} {who}", async progress =>
            {
                processes.Begin();
                began = site.Clock.Now;
                var connecting = Parallel.ForAsync(0, users.Count, new ParallelOptions { MaxDegreeOfParallelism = _atOnce, CancellationToken = stop }, async (i, quit) =>
                {
                    reading[i] = Task.CompletedTask;
                    var start = site.Clock.Now;
                    try
                    {
                        var socket = await SubscribedAsync(site.Routes[i % site.Routes.Count], users[i], plan.Followed[i][0], quit);
                        times.Record(site.Clock.Now - start);
                        reading[i] = ReadAsync(socket, end.Token);
                    }
                    catch (LinkLostException)
                    {
                        Interlocked.Increment(ref failed);
                    }
                    progress((double)Interlocked.Increment(ref done) / users.Count, $"{done}");
                });
                while (await Task.WhenAny(connecting, Task.Delay(TimeSpan.FromSeconds(1), stop)) != connecting)
                {
                    processes.Tick();
                    times.Tick(site.Clock.Now - began);
                }
                await connecting;
                took = site.Clock.Now - began;
                times.Tick(took);
                used = await processes.EndAsync(stop);
            });
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(reading.Where(task => task is not null));
        }
        return new Connected(users.Count - failed, failed, took, times, used);
    }

    private static async Task<LightSocket> SubscribedAsync(Route route, User user, string roomId, CancellationToken stop)
    {
        var socket = await LightSocket.ConnectAsync(route, user.Token, stop);
        var given = stop.Register(socket.Abort);
        try
        {
            socket.Send(JsonSerializer.SerializeToUtf8Bytes(new { event_type = CommandTypes.Subscribe, id = 1, room_id = roomId }));
            while (await socket.ReceiveAsync() is { } frame)
            {
                var glance = EventGlance.At(frame.Span);
                if (glance.Id != 1) continue;
                if (glance.EventType.SequenceEqual("ack"u8)) return socket;
                break;
            }
            throw new LinkLostException($"{route.Name} did not subscribe {user.Id}");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        finally
        {
            await given.DisposeAsync();
        }
    }

    /// <summary>An open connection that is read, so that its pings are answered.</summary>
    private static async Task ReadAsync(LightSocket socket, CancellationToken end)
    {
        using var ended = end.Register(socket.Abort);
        try
        {
            while (await socket.ReceiveAsync() is not null) { }
        }
        catch (LinkLostException)
        {
            return; // at the end, or it is no matter of this measurement
        }
        finally
        {
            socket.Dispose();
        }
    }

    private sealed record Connected(int Count, int Failed, TimeSpan Took, Latencies Times, IReadOnlyList<ProcessUse> Processes)
    {
        public double PerSecond => Count / Took.TotalSeconds;

        public double ServerMs => 1000 * Processes.Where(process => process.Name != ProcessWatch.Generator).Sum(process => process.CpuSeconds) / Math.Max(1, Count);
    }
}
