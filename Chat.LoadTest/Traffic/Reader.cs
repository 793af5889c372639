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
        using var socket = await clients.ConnectAsync(route, user.Token, stop);
        using var ended = stop.Register(socket.Abort);
        foreach (var room in _rooms) await AskAsync(socket, room, stop);

        var heard = clients.Recorder.Clock.Now;
        var next = socket.ReceiveAsync();
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (await Task.WhenAny(next, Task.Delay(_rooms.Any(room => room.AskAgainAt is not null) ? AskAgain : PingInterval, stop)) == next)
                {
                    if (await next is not { } frame) return;
                    heard = clients.Recorder.Clock.Now;
                    if (!await TakeAsync(socket, frame, stop)) return;
                    next = socket.ReceiveAsync();
                }
                else
                {
                    if (clients.Recorder.Clock.Now - heard > MaxSilence) return;
                    await socket.SendAsync(JsonSerializer.Serialize(new { event_type = CommandTypes.Ping, id = ++_ids }));
                }
                foreach (var room in _rooms.Where(room => room.AskAgainAt < clients.Recorder.Clock.Now)) await AskAsync(socket, room, stop);
            }
        }
        finally
        {
            socket.Abort();
            await ObserveAsync(next);
        }
    }

    /// <summary>A receive that nobody waits for any more: the session is over, however it ended.</summary>
    private static async Task ObserveAsync(Task receive) => await receive.ContinueWith(ended => ended.Exception, TaskScheduler.Default);

    private async Task AskAsync(ChatSocket socket, ReaderRoom room, CancellationToken stop)
    {
        room.AskAgainAt = null;
        if (room.MustLoad) await LoadAsync(room, stop);
        room.Asked = ++_ids;
        await socket.SendAsync(JsonSerializer.Serialize(
            new { event_type = CommandTypes.Subscribe, id = room.Asked, room_id = room.RoomId, since_seq = room.Position, epoch = room.Epoch }, LeaveOut));
    }

    /// <returns>False when the server wants the connection to end.</returns>
    private async Task<bool> TakeAsync(ChatSocket socket, JsonElement frame, CancellationToken stop)
    {
        switch (frame.Text("event_type"))
        {
            case EventTypes.Ack or EventTypes.Error when Asking(frame) is { } room:
                await AnsweredAsync(socket, room, frame, stop);
                break;
            case EventTypes.Resync when Followed(frame) is { } room:
                Write(new ToldToReload(room.RoomId, frame.Text("epoch"), frame.NumberOrNull("head_seq") ?? 0, clients.Recorder.Clock.Now), room, live: false);
                (room.MustLoad, room.Asked) = (true, null);
                await AskAsync(socket, room, stop);
                break;
            case EventTypes.Unsubscribed when Followed(frame) is { } room:
                Write(new TurnedAway(room.RoomId, $"unsubscribed: {frame.TextOrNull("reason")}", clients.Recorder.Clock.Now), room, live: false);
                break;
            case EventTypes.Reconnect:
                return false;
            default:
                // Before its ack a subscription has no stream; what comes then, a direct message for one, is in the ack too.
                if (frame.TryGetProperty("seq", out _) && Followed(frame) is { IsLive: true } live) Saw(live, frame.Sight(), SightKind.Stream);
                break;
        }
        return true;
    }

    private async Task AnsweredAsync(ChatSocket socket, ReaderRoom room, JsonElement frame, CancellationToken stop)
    {
        var now = clients.Recorder.Clock.Now;
        room.Asked = null;
        if (frame.Text("event_type") == EventTypes.Error)
        {
            var code = frame.Text("code");
            if (Operation.OutcomeOf(code) == SendOutcome.Repeat) room.AskAgainAt = now + AskAgain;
            else Write(new TurnedAway(room.RoomId, code, now), room, live: false);
            return;
        }
        var (epoch, head, recovered) = (frame.Text("epoch"), frame.GetProperty("head_seq").GetInt64(), frame.GetProperty("recovered").GetBoolean());
        Write(new Subscribed(room.RoomId, room.Position, room.Epoch, epoch, head, recovered, now), room, live: recovered);
        if (!recovered)
        {
            room.MustLoad = true;
            await AskAsync(socket, room, stop);
            return;
        }
        (room.Position, room.Epoch) = (room.Position ?? head, epoch);
        foreach (var missed in frame.GetProperty("events").EnumerateArray()) Saw(room, missed.Sight(), SightKind.Stream);
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
            await foreach (var json in HistoryPages.ReadAsync(clients.Http, route, user.Token, room.RoomId, room.Position ?? 0, stop))
                Saw(room, json.Sight(), SightKind.Loaded);
        }
        catch (ChatException refused)
        {
            if (Operation.OutcomeOf(refused.Code) == SendOutcome.Refused) Write(new TurnedAway(room.RoomId, refused.Code, clients.Recorder.Clock.Now), room, live: false);
            throw new LinkLostException($"{route.Name} gave no history", refused);
        }
        room.MustLoad = false;
    }

    private ReaderRoom? Asking(JsonElement frame) =>
        frame.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.Number ? _rooms.FirstOrDefault(room => room.Asked == id.GetInt32()) : null;

    private ReaderRoom? Followed(JsonElement frame) => frame.TextOrNull("room_id") is { } id ? _rooms.FirstOrDefault(room => room.RoomId == id) : null;

    private void Saw(ReaderRoom room, EventSight sight, SightKind kind)
    {
        lock (_gate)
        {
            _steps.Add(new Saw(room.RoomId, sight, kind, clients.Recorder.Clock.Now));
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

    private static readonly JsonSerializerOptions LeaveOut = new() { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };
}
