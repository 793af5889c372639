using System.Net;
using System.Text.Json;
using Chat.Contracts;
using Chat.LoadTest.Checking;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Tokens;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Faults;

/// <summary>One run against a system that is up: clients, faults, rest, and then the checker's word.</summary>
internal sealed class FaultRun(FaultRunOptions options, Uri origin, Dashboard dashboard, byte[] signingKey, string? dataDirectory, BackingLinks? links, TextWriter output)
{
    private static readonly TimeSpan HealPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromHours(6);

    // Letters first: ids of one run on a system that has seen others.
    private readonly string _tag = $"f{options.Seed % 100_000:00000}-{Random.Shared.Next(0x10000):x4}";

    public async Task<FaultRunResult> RunAsync(CancellationToken stop)
    {
        var direct = await RoutesAsync(stop);
        var proxies = direct.Select(route => new FaultProxy($"the proxy before {route.Name}", new IPEndPoint(IPAddress.Loopback, route.Address.Port))).ToArray();
        using var http = new HttpCalls();
        try
        {
            Route[] routes = [.. direct, .. proxies.Select((proxy, i) => new Route($"{direct[i].Name} by proxy", proxy.Address))];
            var plan = TrafficPlan.Make(options.Seed, _tag, options.Length, routes.Length, RoomIds.Direct);
            var users = Users(plan);
            await new RunSetup(http, direct[0]).PrepareAsync(plan, users, stop);

            var schedule = Schedule.Plan(options.Seed, options.Length, options.Faults);
            foreach (var planned in schedule) await output.WriteLineAsync($"  {planned}");
            var rooms = new FinalState(http, direct, users, dashboard, options.Postgres);
            var clock = new RunClock();
            var clients = new Clients(new Recorder(clock), http, routes);
            return await DisturbAsync(clients, plan, users, schedule, new FaultInjector(dashboard, proxies, links, dataDirectory, clock), rooms, stop);
        }
        finally
        {
            foreach (var proxy in proxies) await proxy.DisposeAsync();
        }
    }

    private async Task<FaultRunResult> DisturbAsync(
        Clients clients, TrafficPlan plan, IReadOnlyDictionary<string, User> users, IReadOnlyList<PlannedFault> schedule, FaultInjector injector, FinalState rooms, CancellationToken stop)
    {
        var clock = clients.Recorder.Clock;
        var problems = new List<Violation>();
        await using var running = new RunningClients(clients, plan, users, stop);
        await TellingAsync(async () =>
        {
            var faults = injector.RunAsync(schedule, stop);
            await await Task.WhenAny(faults, running.Broken);
            await faults;
        });
        if (options.Length - clock.Now is { Ticks: > 0 } rest) await Task.Delay(rest, stop);

        await output.WriteLineAsync("  the faults are over; waiting until everything is at rest");
        if (!await dashboard.UntilAsync(all => all.All(process => process.IsHealthy), HealPatience, stop))
            problems.Add(new Violation("not healthy again", "", $"{HealPatience.TotalSeconds} s after the last fault", clock.Now));
        RunRecord? atRest = null;
        await TellingAsync(async () =>
        {
            await running.EndWritingAsync(HealPatience);
            var (history, postgres) = await rooms.SettleAsync(plan, running.Readers, stop);
            await running.EndReadingAsync();
            atRest = clients.Recorder.Take() with
            {
                Readers = [.. running.Readers.Select(reader => reader.Log)],
                History = history,
                Views = await rooms.ViewsAsync(plan, stop),
                Postgres = postgres,
                RedisForgot = schedule.Any(planned => planned.Fault.Forgets),
            };
        });
        // Without a state of rest there is nothing to compare; why there is none is a violation already.
        return new FaultRunResult(
            options.Seed, clock.Now, atRest ?? clients.Recorder.Take(), [.. problems, .. atRest is null ? [] : Checker.Check(atRest)], injector.Done, clients.Recorder.Outages);

        async Task TellingAsync(Func<Task> part)
        {
            try
            {
                await part();
            }
            catch (UnhealedException unhealed)
            {
                problems.Add(new Violation("not healthy again", "", unhealed.Message, clock.Now));
            }
            catch (Exception malformed) when (malformed is FormatException or JsonException or KeyNotFoundException)
            {
                problems.Add(new Violation("protocol broken", "", malformed.Message, clock.Now));
            }
        }
    }

    private async Task<IReadOnlyList<Route>> RoutesAsync(CancellationToken stop)
    {
        var nodes = await dashboard.ProcessesOfAsync("realtime", stop);
        return [.. nodes.Select(node => new Route(node.Name, new Uri(node.Urls[0]))), new Route("gateway", origin)];
    }

    private Dictionary<string, User> Users(TrafficPlan plan)
    {
        var tokens = new AccessTokens(signingKey);
        var expires = DateTimeOffset.UtcNow + options.Length + TokenLifetime;
        var ids = plan.Writers.Select(writer => writer.UserId).Concat(plan.Readers.Select(reader => reader.UserId)).Distinct();
        return ids.ToDictionary(id => id, id => new User(id, tokens.Mint(id, id, expires)));
    }
}
