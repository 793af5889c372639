using System.Collections.Concurrent;
using System.Globalization;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Crowds;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Load;

/// <summary>
/// Publishes on a schedule into rooms whose members all listen, and accounts for every pair of the two. Preparations, warm-up, the measured time, and
/// then a rest in which what is late still counts as delivered.
/// </summary>
internal sealed class DeliveryRun : ICrowdWatch, IAsyncDisposable
{
    private const int PublisherCount = 4;
    // Points of a curve; a run of hours has longer intervals.
    private const int MaxTicks = 600;
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RestPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LeadIn = TimeSpan.FromMilliseconds(300);

    private readonly Site _site;
    private readonly Ledger _ledger;
    private readonly OpenLoop _loop;
    private readonly ProcessWatch _processes;
    private readonly CancellationTokenSource _end;
    private readonly ConcurrentQueue<string> _problems = new();
    private readonly ConcurrentDictionary<string, int> _refusals = new();
    private readonly string _tag = Site.NewTag();
    private readonly CrowdPlan _rooms;
    private readonly Latencies _acks = new();
    private readonly Latencies _deliveries = new();
    private Publisher[] _publishers = [];
    private Task _publishing = Task.CompletedTask;
    private IMembers? _members;
    private TimeSpan _start;

    public DeliveryRun(Site site, DeliveryPlan plan, CancellationToken stop)
    {
        (_site, Plan) = (site, plan);
        _rooms = CrowdPlan.OneRoomEach(_tag, plan.Schedule.Rooms, plan.MembersPerRoom);
        _ledger = new Ledger(plan.Schedule, [.. Enumerable.Range(0, plan.Members).Select(plan.RoomOfMember)]);
        _loop = new OpenLoop(plan.Schedule, site.Clock, Publish);
        _processes = new ProcessWatch(site.Dashboard, site.Clock);
        _end = CancellationTokenSource.CreateLinkedTokenSource(stop);
    }

    public DeliveryPlan Plan { get; }

    /// <summary>When the schedule began.</summary>
    public TimeSpan Start => _start;

    /// <summary>Of all members, where <see cref="Sorted"/> says nothing else.</summary>
    public Latencies Deliveries => _deliveries;

    /// <summary>Given the member and when a publish was due and came: where its latency belongs. For runs that divide them further.</summary>
    public Func<int, TimeSpan, TimeSpan, Latencies>? Sorted { get; set; }

    /// <summary>Members over WebSockets.</summary>
    public CrowdMembers OverWebSockets(IReadOnlyList<User> users) =>
        new(Crowd.Gather(_site.Routes, _site.Clock, users, _rooms, _problems, this, _end.Token));

    /// <param name="members">Makes those who receive: of the users, each in the room at its place.</param>
    /// <param name="meanwhile">Runs beside the schedule, from the end of the warm-up.</param>
    /// <param name="stop">Gives up.</param>
    public async Task<DeliveryOutcome> RunAsync(Func<IReadOnlyList<User>, IReadOnlyList<string>, IMembers> members, Func<Task>? meanwhile, CancellationToken stop)
    {
        var users = _site.Users($"{_tag}-u", Plan.Members);
        _members = members(users, [.. _rooms.Followed.Select(rooms => rooms[0])]);
        await PrepareAsync(users, stop);
        var opening = _site.Clock.Now;
        await _site.Progress.ShowAsync($"opening {Plan.Members} connections", progress => _members.OpenAsync(count => progress((double)count / Plan.Members, $"{count}"), stop));
        var opened = _site.Clock.Now - opening;
        await ConnectPublishersAsync(stop);
        await _processes.LookAsync(stop);

        using var rest = CollectorRest.Begin();
        var schedule = Plan.Schedule;
        _start = _site.Clock.Now + LeadIn;
        var publishing = _loop.RunAsync(_start, _end.Token);
        var (bytes, requests, failures) = (0L, 0L, 0L);
        IReadOnlyList<ProcessUse> used = [];
        await _site.Progress.ShowAsync(Text($"publishing {schedule.Rate:0.##} a second into {schedule.Rooms} rooms with {Plan.Members} members"), async progress =>
        {
            await WaitUntilAsync(_start + schedule.WarmUp, _site.Clock.Now, stop);
            _processes.Begin();
            (bytes, requests, failures) = (_members.Bytes, _members.Requests, _members.Failures);
            var beside = meanwhile?.Invoke() ?? Task.CompletedTask;
            await TickAsync(progress, beside, stop);
            (bytes, requests, failures) = (_members.Bytes - bytes, _members.Requests - requests, _members.Failures - failures);
            used = await _processes.EndAsync(stop);
            await publishing;
            await beside;
        });
        await RestAsync(stop);
        Tick();
        return new DeliveryOutcome
        {
            Plan = Plan,
            Opened = opened,
            Accounts = _ledger.Close(),
            Deliveries = _deliveries,
            Acks = _acks,
            Lateness = _loop.Lateness,
            Processes = used,
            Bytes = bytes,
            Requests = requests,
            Failures = failures,
            Refusals = _refusals,
            Problems = [.. _problems],
        };
    }

    public void Came(int client, in EventGlance glance)
    {
        var now = _site.Clock.Now;
        int? publish = glance.EventType.SequenceEqual("chat_message"u8) ? PublishContent.NumberIn(glance.Content) : null;
        if (!_ledger.Take(client, glance.Seq, glance.Epoch, publish) || !Plan.Schedule.IsMeasured(publish!.Value)) return;
        var due = _start + Plan.Schedule.DueAt(publish.Value);
        (Sorted?.Invoke(client, due, now) ?? _deliveries).Record(now - due);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        if (_members is not null) await _members.DisposeAsync();
        await _publishing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _processes.Dispose();
        _end.Dispose();
    }

    private void Publish(int publish)
    {
        var room = _rooms.Rooms[Plan.Schedule.RoomOf(publish)];
        _publishers[publish % _publishers.Length].Publish(publish, Publisher.Frame(publish, room, PublishContent.Of(publish, Plan.Bytes)));
    }

    private async Task PrepareAsync(IReadOnlyList<User> users, CancellationToken stop)
    {
        var authors = _site.Users($"{_tag}-a", PublisherCount);
        var calls = authors.Count + _rooms.Rooms.Count + users.Count;
        await _site.Progress.ShowAsync($"making {_rooms.Rooms.Count} rooms and {users.Count} users", progress =>
        {
            var done = 0;
            return new CrowdSetup(_site.Http, _site.Origin).PrepareAsync(_rooms, authors, users, stop, () => progress((double)Interlocked.Increment(ref done) / calls, ""));
        });
        _publishers =
        [
            .. authors.Select((author, i) => new Publisher(
                i, _site.Routes, author, _site.Clock, _ledger,
                publish =>
                {
                    if (Plan.Schedule.IsMeasured(publish)) _acks.Record(_site.Clock.Now - _start - Plan.Schedule.DueAt(publish));
                },
                code => _refusals.AddOrUpdate(code, 1, (_, count) => count + 1))),
        ];
    }

    private async Task ConnectPublishersAsync(CancellationToken stop)
    {
        _publishing = Task.WhenAll(_publishers.Select(publisher => Task.Run(() => publisher.RunAsync(_end.Token), CancellationToken.None)));
        var deadline = _site.Clock.Now + ConnectPatience;
        while (!_publishers.All(publisher => publisher.IsConnected))
        {
            if (_site.Clock.Now > deadline) throw new UsageException($"The publishers were not connected within {ConnectPatience.TotalSeconds} s: is the system healthy?");
            if (_publishing.IsFaulted) await _publishing;
            await Task.Delay(Look, stop);
        }
    }

    private async Task TickAsync(Action<double, string> progress, Task beside, CancellationToken stop)
    {
        var all = Plan.Schedule.WarmUp + Plan.Schedule.Length;
        var every = TimeSpan.FromSeconds(Math.Max(1, Plan.Schedule.Length.TotalSeconds / MaxTicks));
        for (var next = _start + Plan.Schedule.WarmUp + every; ; next += every)
        {
            var last = next >= _start + all;
            await WaitUntilAsync(last ? _start + all : next, _site.Clock.Now, stop);
            // What broke need not be waited for to the end.
            if (_publishing.IsFaulted) await _publishing;
            if (beside.IsFaulted) await beside;
            _members!.ThrowIfBroken();
            if (last) return;
            _processes.Tick();
            Tick();
            progress((_site.Clock.Now - _start) / all, _deliveries.Points is [.., var point] ? Text($"{point.Count / every.TotalSeconds:0} deliveries/s, 99 % {point.P99:0.0} ms") : "");
        }
    }

    private void Tick()
    {
        var at = _site.Clock.Now - _start - Plan.Schedule.WarmUp;
        foreach (var latencies in new[] { _deliveries, _acks, _loop.Lateness }) latencies.Tick(at);
    }

    /// <summary>Until everything has come that must, and every publish has its answer.</summary>
    private async Task RestAsync(CancellationToken stop)
    {
        var deadline = _site.Clock.Now + RestPatience;
        while (_site.Clock.Now < deadline && _ledger.Close() is { } accounts && (accounts.Lost > 0 || accounts.Unanswered > 0)) await Task.Delay(Look, stop);
    }

    private static Task WaitUntilAsync(TimeSpan moment, TimeSpan now, CancellationToken stop) => moment > now ? Task.Delay(moment - now, stop) : Task.CompletedTask;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What came of a run of deliveries. Bytes, requests and failures are of the members, within the measured time.</summary>
internal sealed record DeliveryOutcome
{
    public required DeliveryPlan Plan { get; init; }

    /// <summary>How long opening all connections took.</summary>
    public required TimeSpan Opened { get; init; }

    public required Accounts Accounts { get; init; }

    public required Latencies Deliveries { get; init; }

    public required Latencies Acks { get; init; }

    public required Latencies Lateness { get; init; }

    public required IReadOnlyList<ProcessUse> Processes { get; init; }

    public required long Bytes { get; init; }

    public required long Requests { get; init; }

    public required long Failures { get; init; }

    public required IReadOnlyDictionary<string, int> Refusals { get; init; }

    /// <summary>Examples of what was wrong, in words.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Of the servers, on the average.</summary>
    public double ServerCores => Processes.Where(process => process.Name != ProcessWatch.Generator).Sum(process => process.Cores);

    public double GeneratorCores => Processes.Where(process => process.Name == ProcessWatch.Generator).Sum(process => process.Cores);
}
