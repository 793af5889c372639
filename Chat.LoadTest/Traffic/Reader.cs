using System.Text.Json;
using Chat.Contracts;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>
/// Reads rooms for the whole run as the protocol page tells a client to: resumes with <c>since_seq</c> and <c>epoch</c>, loads from history
/// where it is told to. Writes down each event in the order in which it came and corrects nothing: that is the checker's business.
/// </summary>
internal sealed class Reader(Clients clients, User user, ReaderProgram program)
{
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan MaxSilence = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(300);

    private readonly Lock _gate = new();
    private readonly List<ReaderStep> _steps = [];
    private readonly Random _random = new(program.Seed);
    private readonly ReaderRoom[] _rooms =
    [
        .. program.Rooms.Select(room => new ReaderRoom(room, program.Start == ReaderStart.Now ? null : 0, program.Start == ReaderStart.History)),
    ];
    private int _ids;
    private TimeSpan? _lostAt;

    public string Name => program.Name;

    public IReadOnlyList<string> Rooms => program.Rooms;

    public ReaderLog Log
    {
        get { lock (_gate) return new ReaderLog(program.Name, [.. _steps]); }
    }

    /// <summary>Everything up to <paramref name="head"/> has come, or was loaded.</summary>
    public bool HasReached(string roomId, long head)
    {
        lock (_gate) return _rooms.First(room => room.RoomId == roomId) is { IsLive: true, Position: { } position } && position >= head;
    }

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            await Task.Delay(program.StartsAfter, stop);
            for (var (session, failures) = (0, 0); ; session++)
            {
                var began = clients.Recorder.Clock.Now;
                try
                {
                    await SessionAsync(clients.Routes[(program.FirstRoute + session) % clients.Routes.Count], stop);
                }
                catch (LinkLostException)
                {
                    // The next session resumes.
                }
                _lostAt ??= clients.Recorder.Clock.Now;
                failures = clients.Recorder.Clock.Now - began > MaxSilence ? 0 : failures + 1;
                await Task.Delay(Backoff.After(failures, _random), stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task SessionAsync(Route route, CancellationToken stop)
    {
        foreach (var room in _rooms) (room.IsLive, room.Asked, room.AskAgainAt) = (false, null, null);
        using var link = await clients.ConnectAsync(program.Transport, route, user.Token, stop);
        using var ended = stop.Register(link.Abort);
        foreach (var room in _rooms) await AskAsync(link, room, stop);

        var heard = clients.Recorder.Clock.Now;
        var next = link.ReceiveAsync();
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (await Task.WhenAny(next, Task.Delay(_rooms.Any(room => room.AskAgainAt is not null) ? AskAgain : PingInterval, stop)) == next)
                {
                    if (await next is not { } said) return;
                    heard = clients.Recorder.Clock.Now;
                    if (!await TakeAsync(link, said, stop)) return;
                    next = link.ReceiveAsync();
                }
                else
                {
                    if (clients.Recorder.Clock.Now - heard > MaxSilence) return;
                    await link.ProbeAsync(++_ids);
                }
                foreach (var room in _rooms.Where(room => room.AskAgainAt < clients.Recorder.Clock.Now)) await AskAsync(link, room, stop);
            }
        }
        finally
        {
            link.Abort();
            await ObserveAsync(next);
        }
    }

    /// <summary>A receive that nobody waits for any more: the session is over, however it ended.</summary>
    private static async Task ObserveAsync(Task receive) => await receive.ContinueWith(ended => ended.Exception, TaskScheduler.Default);

    private async Task AskAsync(ICommandLink link, ReaderRoom room, CancellationToken stop)
    {
        room.AskAgainAt = null;
        if (room.MustLoad) await LoadAsync(room, stop);
        var id = ++_ids;
        room.Asked = id;
        await link.SendAsync(new Command(CommandTypes.Subscribe, ("room_id", room.RoomId), ("since_seq", room.Position), ("epoch", room.Epoch)), id);
    }

    /// <returns>False when the server wants the connection to end.</returns>
    private async Task<bool> TakeAsync(ICommandLink link, Heard said, CancellationToken stop)
    {
        if (_rooms.FirstOrDefault(room => room.Asked is not null && room.Asked == said.Answers) is { } asking)
        {
            await AnsweredAsync(link, asking, said, stop);
            return true;
        }
        if (!said.IsEvent) return true;
        var frame = said.Body;
        switch (frame.Text("event_type"))
        {
            case EventTypes.Resync when Followed(frame) is { } room:
                Write(new ToldToReload(room.RoomId, frame.Text("epoch"), frame.NumberOrNull("head_seq") ?? 0, clients.Recorder.Clock.Now), room, live: false);
                (room.MustLoad, room.Asked) = (true, null);
                await AskAsync(link, room, stop);
                break;
            case EventTypes.Unsubscribed when Followed(frame) is { } room:
                Write(new TurnedAway(room.RoomId, $"unsubscribed: {frame.TextOrNull("reason")}", clients.Recorder.Clock.Now), room, live: false);
                break;
            case EventTypes.Reconnect:
                return false;
            default:
                // Before its ack a subscription has no stream; what comes then, a direct message for one, is in the ack too.
                if (frame.NumberOrNull("seq") is { } seq && Followed(frame) is { IsLive: true } live) Saw(live, frame.Sight(), SightKind.Live, seq);
                break;
        }
        return true;
    }

    private async Task AnsweredAsync(ICommandLink link, ReaderRoom room, Heard answer, CancellationToken stop)
    {
        var now = clients.Recorder.Clock.Now;
        room.Asked = null;
        if (answer.Refusal is { } code)
        {
            if (Operation.OutcomeOf(code) == SendOutcome.Repeat) room.AskAgainAt = now + AskAgain;
            else Write(new TurnedAway(room.RoomId, code, now), room, live: false);
            return;
        }
        var ack = answer.Body;
        var (epoch, head, recovered) = (ack.Text("epoch"), ack.GetProperty("head_seq").GetInt64(), ack.GetProperty("recovered").GetBoolean());
        Write(new Subscribed(room.RoomId, room.Position, room.Epoch, epoch, head, recovered, now), room, live: recovered);
        if (!recovered)
        {
            room.MustLoad = true;
            await AskAsync(link, room, stop);
            return;
        }
        (room.Position, room.Epoch) = (room.Position ?? head, epoch);
        var missed = ack.GetProperty("events");
        var last = missed.GetArrayLength() == 0 ? 0 : missed[missed.GetArrayLength() - 1].GetProperty("seq").GetInt64();
        foreach (var json in missed.EnumerateArray()) Saw(room, json.Sight(), SightKind.Recovered, last);
        if (_lostAt is { } lostAt && _rooms.All(r => r.IsLive))
        {
            clients.Recorder.Recovered(program.Name, lostAt);
            _lostAt = null;
        }
    }

    private async Task LoadAsync(ReaderRoom room, CancellationToken stop)
    {
        var route = clients.Routes[_random.Next(clients.Routes.Count)];
        try
        {
            await foreach (var (json, pageEnd) in HistoryPages.ReadAsync(clients.Http, route, user.Token, room.RoomId, room.Position ?? 0, withState: false, stop))
                Saw(room, json.Sight(), SightKind.Loaded, pageEnd);
        }
        catch (ChatException refused)
        {
            if (Operation.OutcomeOf(refused.Code) == SendOutcome.Refused) Write(new TurnedAway(room.RoomId, refused.Code, clients.Recorder.Clock.Now), room, live: false);
            throw new LinkLostException($"{route.Name} gave no history", refused);
        }
        room.MustLoad = false;
    }

    private ReaderRoom? Followed(JsonElement frame) => frame.TextOrNull("room_id") is { } id ? _rooms.FirstOrDefault(room => room.RoomId == id) : null;

    private void Saw(ReaderRoom room, EventSight sight, SightKind kind, long asOf)
    {
        lock (_gate)
        {
            _steps.Add(new Saw(room.RoomId, sight, kind, asOf, clients.Recorder.Clock.Now));
            if (sight.Seq > (room.Position ?? 0)) (room.Position, room.Epoch) = (sight.Seq, sight.Epoch);
        }
    }

    private void Write(ReaderStep step, ReaderRoom room, bool live)
    {
        lock (_gate)
        {
            _steps.Add(step);
            room.IsLive = live;
        }
    }
}
