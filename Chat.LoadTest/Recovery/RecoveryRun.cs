using System.Collections.Concurrent;
using System.Globalization;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Crowds;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Tokens;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Recovery;

/// <summary>Measures against a system that is up: people in rooms, light traffic, and one process after the other killed with SIGKILL.</summary>
internal sealed class RecoveryRun(RecoveryOptions options, Uri origin, Dashboard dashboard, byte[] signingKey, TextWriter output)
{
    public static readonly TimeSpan ManyLimit = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan OneLimit = TimeSpan.FromSeconds(2);
    public static readonly TimeSpan AckLimit = TimeSpan.FromSeconds(5);

    private const int WriterCount = 8;
    private const int Seed = 20261;
    // Generous: how fast it is stands in the figures.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan OpeningPatience = TimeSpan.FromMinutes(10);

    private readonly Route _gateway = new("gateway", origin);
    private readonly AccessTokens _tokens = new(signingKey);
    private readonly ConcurrentQueue<string> _problems = new();
    private readonly List<Measurement> _measured = [];
    // Letters first: ids of one run on a system that has seen others.
    private readonly string _tag = $"r{Random.Shared.Next(0x1000000):x6}";

    public async Task<RecoveryResult> RunAsync(CancellationToken stop)
    {
        var single = options.Victims.Contains(Victim.NodeOfOne);
        if (single) await WithCrowdAsync("one", 1, (crowd, _) => KillNodesAsync(crowd, "node of a single client killed: caught up", OneLimit, stop), stop);
        if (options.Victims.Any(victim => victim != Victim.NodeOfOne))
        {
            await WithCrowdAsync("all", options.Connections, async (crowd, writers) =>
            {
                foreach (var victim in options.Victims.Where(victim => victim != Victim.NodeOfOne))
                {
                    if (victim == Victim.Node) await KillNodesAsync(crowd, "node killed: its clients caught up", ManyLimit, stop);
                    else await KillBackingServiceAsync(crowd, writers, victim.ToString().ToLowerInvariant(), stop);
                }
            }, stop);
        }
        return new RecoveryResult(_measured, [.. _problems]);
    }

    private async Task WithCrowdAsync(string name, int connections, Func<Crowd, Writers, Task> measure, CancellationToken stop)
    {
        using var http = new HttpCalls();
        var clients = new Clients(new Recorder(new RunClock()), http, [_gateway]);
        var plan = CrowdPlan.Make(Seed, $"{_tag}-{name}", connections);
        var users = _tokens.Users($"{_tag}-{name}", connections);
        var authors = _tokens.Users($"{_tag}-{name}-w", Math.Min(WriterCount, plan.Rooms.Count));
        await new CrowdSetup(http, _gateway).PrepareAsync(plan, authors, users, stop);
        var opening = clients.Recorder.Clock.Now;
        await using var crowd = Crowd.Gather(clients.Routes, clients.Recorder.Clock, users, plan, _problems, watch: null, stop);
        await crowd.OpenAsync(crowd.Clients, OpeningPatience, stop);
        // Their joining is all that was written before the writers begin.
        var joined = plan.Followed.SelectMany(rooms => rooms).CountBy(room => room).ToDictionary(room => room.Key, room => room.Value);
        if (!await crowd.UntilAsync(crowd.Clients, client => client.Rooms.All(room => room.Position == joined[room.RoomId]), Patience, stop))
            throw new UsageException($"The rooms did not come to rest within {Patience.TotalSeconds} s.");
        foreach (var client in crowd.Clients) client.Begin();
        await output.WriteLineAsync(Text($"{connections} connections in {plan.Rooms.Count} rooms, open after {(clients.Recorder.Clock.Now - opening).TotalSeconds:0.0} s"));

        await using (var writers = new Writers(clients, authors, plan.Rooms, stop))
        {
            await writers.AcksAfterAsync(clients.Recorder.Clock.Now, Patience, stop);
            await measure(crowd, writers);
            await writers.EndAsync(Patience);
        }
        await AuditAsync(crowd, clients.Recorder, stop);
    }

    private async Task AuditAsync(Crowd crowd, Recorder recorder, CancellationToken stop)
    {
        var record = recorder.Take();
        var unacknowledged = record.Attempts.Select(attempt => attempt.Operation).Except(record.Acks.Select(ack => ack.Operation)).Count();
        if (unacknowledged > 0) _problems.Enqueue($"{unacknowledged} messages were not acknowledged within {Patience.TotalSeconds} s");
        var audit = new Audit(record.Acks);
        await crowd.UntilAsync(crowd.Clients, client => !audit.Check(client.Rooms).Any(), Patience, stop);
        foreach (var problem in crowd.Clients.SelectMany(client => audit.Check(client.Rooms))) _problems.Enqueue(problem);
        await output.WriteLineAsync(Text($"  at rest: {record.Acks.Count} messages, {crowd.Clients.Sum(client => client.Rooms.Sum(room => (long)room.Count))} deliveries looked at, {_problems.Count} problems"));
    }

    private async Task KillNodesAsync(Crowd crowd, string what, TimeSpan limit, CancellationToken stop)
    {
        var times = new List<TimeSpan>();
        var nodes = await dashboard.ProcessesOfAsync("realtime", stop);
        for (var round = 0; round < options.Rounds; round++)
        {
            await HealthyAsync(stop);
            var names = await NodeNames.FindAsync(dashboard, _tokens.Users($"{_tag}-probe", 1)[0].Token, stop);
            await SpreadAsync(crowd, names, stop);
            var byNode = crowd.Clients.GroupBy(client => client.NodeId ?? "").OrderBy(node => names.GetValueOrDefault(node.Key), StringComparer.Ordinal).ToArray();
            var victim = byNode[round % byNode.Length];
            var name = names.GetValueOrDefault(victim.Key) ?? throw new UsageException("A client's node is not one of the dashboard's: the run must be on the machine of the system.");
            var affected = victim.ToList();
            var killed = await dashboard.KillAsync(name, () => crowd.Now, Patience, stop);
            var back = await crowd.UntilAsync(affected, client => client.NodeId != victim.Key && client.IsCaughtUp, Patience, stop);
            var comebacks = affected.Select(client => client.NodeId != victim.Key && client.IsCaughtUp && client.Last is { } last && last.LostAt >= killed ? last : null).ToList();
            times.AddRange(comebacks.Select(comeback => comeback is null ? TimeSpan.MaxValue : comeback.CaughtUpAt - killed));
            var others = crowd.Clients.Except(affected).Count(client => client.Last?.LostAt > killed);
            await output.WriteLineAsync(Text($"  {name} killed under {affected.Count} of {crowd.Clients.Count}{(back ? "" : ", NOT ALL BACK")}: {Phases([.. comebacks.OfType<Comeback>()], killed)}; others who lost a connection: {others}"));
        }
        _measured.Add(new Measurement($"{what}, {nodes.Count} nodes", crowd.Clients.Count, options.Rounds, times, limit));
    }

    private static string Phases(IReadOnlyList<Comeback> comebacks, TimeSpan killed)
    {
        return string.Join(", ", Part("noticed", c => c.LostAt - killed), Part("connected", c => c.ConnectedAt - killed), Part("caught up", c => c.CaughtUpAt - killed), Text($"tries up to {comebacks.Select(c => c.Tries).DefaultIfEmpty().Max()}"));

        string Part(string name, Func<Comeback, TimeSpan> of)
        {
            var part = new Measurement(name, 0, 1, [.. comebacks.Select(of)], null);
            return Text($"{name} {part.Median.TotalSeconds:0.00}/{part.P99.TotalSeconds:0.00}/{part.Max.TotalSeconds:0.00} s");
        }
    }

    private async Task KillBackingServiceAsync(Crowd crowd, Writers writers, string resource, CancellationToken stop)
    {
        var (first, every, clientsBack) = (new List<TimeSpan>(), new List<TimeSpan>(), new List<TimeSpan>());
        for (var round = 0; round < options.Rounds; round++)
        {
            await HealthyAsync(stop);
            var name = (await dashboard.ProcessesOfAsync(resource, stop)).FirstOrDefault()?.Name ?? throw new UsageException($"The system has no process of {resource}.");
            var killed = await dashboard.KillAsync(name, () => crowd.Now, Patience, stop);
            // The killed process alone: that the others follow is what is measured.
            if (!await dashboard.UntilAsync(all => all.Any(process => process.Name == name && process.IsHealthy), Patience, stop))
                throw new UsageException($"{name} was not healthy within {Patience.TotalSeconds} s.");
            var healthy = crowd.Now;
            var acks = (await writers.AcksAfterAsync(healthy, Patience, stop)).Select(ack => ack is { } at ? at - healthy : TimeSpan.MaxValue).ToList();
            first.Add(acks.Min());
            every.AddRange(acks);
            var caughtUp = await crowd.UntilAsync(crowd.Clients, client => client.IsCaughtUp, Patience, stop);
            clientsBack.Add(caughtUp ? crowd.Now - healthy : TimeSpan.MaxValue);
            await output.WriteLineAsync(Text($"  {name} killed, healthy after {(healthy - killed).TotalSeconds:0.0} s; then first ack after {acks.Min().TotalSeconds:0.00} s, every writer after {acks.Max().TotalSeconds:0.00} s, all clients caught up after {clientsBack[^1].TotalSeconds:0.00} s; lost a connection: {crowd.Clients.Count(client => client.Last?.LostAt > killed)}"));
        }
        _measured.Add(new Measurement($"{resource} killed: first ack after it is healthy", crowd.Clients.Count, options.Rounds, first, AckLimit));
        _measured.Add(new Measurement($"{resource} killed: every writer's acks after it is healthy", crowd.Clients.Count, options.Rounds, every, AckLimit));
    }

    private async Task HealthyAsync(CancellationToken stop)
    {
        if (!await dashboard.UntilAsync(all => all.All(process => process.IsHealthy), Patience, stop))
            throw new UsageException($"The system was not healthy within {Patience.TotalSeconds} s.");
    }

    /// <summary>A node that has just started holds nobody: as many as it lacks come over, as they would in time.</summary>
    private static async Task SpreadAsync(Crowd crowd, IReadOnlyDictionary<string, string> names, CancellationToken stop)
    {
        var share = (crowd.Clients.Count + names.Count - 1) / names.Count;
        foreach (var tooMany in crowd.Clients.GroupBy(client => client.NodeId).SelectMany(node => node.Skip(share)).Chunk(Crowd.OpenedAtOnce))
        {
            var asked = crowd.Now;
            foreach (var client in tooMany) client.Move();
            if (!await crowd.UntilAsync(tooMany, client => client.IsCaughtUp && client.Last?.LostAt >= asked, Patience, stop))
                throw new UsageException($"Clients that changed their node were not back after {Patience.TotalSeconds} s.");
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What came of a run.</summary>
internal sealed record RecoveryResult(IReadOnlyList<Measurement> Measurements, IReadOnlyList<string> Problems)
{
    public bool Held => Problems.Count == 0 && Measurements.All(measurement => measurement.Beyond == 0);
}
