using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chat.Contracts;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Recovery;

/// <summary>
/// One of thousands: follows a few rooms through the gateway for the whole run, and comes back as the protocol page tells a client to. It keeps of each
/// room only where it is, so it costs this machine little beside the system that it measures.
/// </summary>
internal sealed class CrowdClient(Clients clients, User user, IReadOnlyList<string> rooms, ConcurrentQueue<string> problems)
{
    private const int HistoryPage = 200;
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(500);
    private static readonly JsonSerializerOptions LeaveOut = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private readonly Lock _gate = new();
    private readonly FollowedRoom[] _rooms = [.. rooms.Select(room => new FollowedRoom(room))];
    // By room: the command whose answer is awaited. Answers to earlier ones are out of date.
    private readonly int[] _asked = new int[rooms.Count];
    private readonly bool[] _refused = new bool[rooms.Count];
    private int _commands;
    private ChatSocket? _socket;
    private string? _nodeId;
    private bool _caughtUp;
    private Comeback? _last;
    private (TimeSpan LostAt, TimeSpan ConnectedAt, int Tries)? _way; // null while it has not lost its connection

    /// <summary>The node that holds its connection; null while there is none.</summary>
    public string? NodeId
    {
        get { lock (_gate) return _nodeId; }
    }

    /// <summary>All its rooms are live.</summary>
    public bool IsCaughtUp
    {
        get { lock (_gate) return _caughtUp; }
    }

    public Comeback? Last
    {
        get { lock (_gate) return _last; }
    }

    /// <summary>Where each of its rooms is.</summary>
    public IReadOnlyList<(string RoomId, long Position, int Count, long Weight)> Rooms
    {
        get { lock (_gate) return [.. _rooms.Select(room => (room.RoomId, room.Position ?? 0, room.Sum.Count, room.Sum.Weight))]; }
    }

    /// <summary>Counts events from here on.</summary>
    public void Begin()
    {
        lock (_gate)
            foreach (var room in _rooms) room.Begin();
    }

    /// <summary>Gives up its connection and comes back, on another node if that one has less to do.</summary>
    public void Move()
    {
        lock (_gate) _socket?.Abort();
    }

    public async Task RunAsync(CancellationToken stop)
    {
        var random = new Random();
        try
        {
            for (var failures = 0; ;)
            {
                var began = clients.Recorder.Clock.Now;
                TimeSpan? told = null;
                try
                {
                    told = await SessionAsync(random, stop);
                }
                catch (LinkLostException)
                {
                    // The next session resumes.
                }
                var stood = IsConnected() ? clients.Recorder.Clock.Now - began : TimeSpan.Zero;
                Lose();
                if (stood >= ReconnectDelay.StableAfter) failures = 0;
                await Task.Delay(told ?? ReconnectDelay.After(failures++, random), stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }

    private bool IsConnected()
    {
        lock (_gate) return _nodeId is not null;
    }

    private void Lose()
    {
        lock (_gate)
        {
            if (_nodeId is not null) _way ??= (clients.Recorder.Clock.Now, default, 0);
            (_socket, _nodeId, _caughtUp) = (null, null, false);
            foreach (var room in _rooms) room.IsLive = false;
        }
    }

    /// <returns>When to come back, if the server said so.</returns>
    private async Task<TimeSpan?> SessionAsync(Random random, CancellationToken stop)
    {
        lock (_gate)
            if (_way is { } lost) _way = lost with { Tries = lost.Tries + 1 };
        using var socket = await clients.ConnectAsync(clients.Routes[0], user.Token, stop);
        using var ended = stop.Register(socket.Abort);
        lock (_gate) _socket = socket;
        Array.Clear(_refused);
        for (var i = 0; i < _rooms.Length; i++) await SubscribeAsync(socket, i);
        var next = socket.ReceiveAsync();
        try
        {
            while (true)
            {
                if (_refused.Contains(true) && await Task.WhenAny(next, Task.Delay(AskAgain * (0.5 + random.NextDouble()), stop)) != next)
                {
                    for (var i = 0; i < _rooms.Length; i++)
                        if (_refused[i]) await SubscribeAsync(socket, i);
                    continue;
                }
                if (await next is not { } frame) return null;
                if (frame.Text("event_type") == EventTypes.Reconnect) return TimeSpan.FromMilliseconds(frame.NumberOrNull("after_ms") ?? 0);
                await TakeAsync(socket, frame);
                next = socket.ReceiveAsync();
            }
        }
        finally
        {
            socket.Abort();
            await next.ContinueWith(ended => ended.Exception, TaskScheduler.Default); // nobody waits for it any more, however it ends
        }
    }

    private async Task TakeAsync(ChatSocket socket, JsonElement frame)
    {
        switch (frame.Text("event_type"))
        {
            case EventTypes.Welcome:
                Welcomed(frame.Text("node_id"));
                break;
            case EventTypes.Ack or EventTypes.Error:
                var index = Array.IndexOf(_asked, frame.GetProperty("id").GetInt32());
                if (index >= 0) await AnsweredAsync(socket, index, frame);
                break;
            case EventTypes.Resync when IndexOf(frame) is { } restarted:
                lock (_gate) (_rooms[restarted].IsLive, _caughtUp) = (false, false);
                await LoadAsync(socket, restarted);
                break;
            default:
                if (frame.TryGetProperty("seq", out _) && IndexOf(frame) is { } room)
                    lock (_gate)
                        if (_rooms[room].IsLive) Take(_rooms[room], frame);
                break;
        }
    }

    private async Task AnsweredAsync(ChatSocket socket, int index, JsonElement answer)
    {
        if (answer.Text("event_type") == EventTypes.Error)
        {
            _refused[index] = true;
            if (Operation.OutcomeOf(answer.Text("code")) != SendOutcome.Repeat) problems.Enqueue($"{user.Id} was refused in {_rooms[index].RoomId}: {answer.GetRawText()}");
        }
        else if (answer.TryGetProperty("has_more", out var more))
        {
            lock (_gate) TakeAll(_rooms[index], answer.GetProperty("events"));
            if (more.GetBoolean()) await LoadAsync(socket, index);
            else await SubscribeAsync(socket, index);
        }
        else if (answer.GetProperty("recovered").GetBoolean()) Subscribed(index, answer);
        else await LoadAsync(socket, index);
    }

    private void Welcomed(string nodeId)
    {
        lock (_gate)
        {
            _nodeId = nodeId;
            if (_way is { } lost) _way = lost with { ConnectedAt = clients.Recorder.Clock.Now };
        }
    }

    private int? IndexOf(JsonElement frame)
    {
        var roomId = frame.TextOrNull("room_id");
        var index = Array.FindIndex(_rooms, room => room.RoomId == roomId);
        return index < 0 ? null : index;
    }

    private void Subscribed(int index, JsonElement ack)
    {
        lock (_gate)
        {
            var (room, head) = (_rooms[index], ack.GetProperty("head_seq").GetInt64());
            room.StartAt(head, ack.Text("epoch"));
            TakeAll(room, ack.GetProperty("events"));
            if (room.Position < head) problems.Enqueue($"{user.Id} in {room.RoomId}: the ack leads to {room.Position}, its head is {head}");
            room.IsLive = true;
            if (_caughtUp || !_rooms.All(followed => followed.IsLive)) return;
            _caughtUp = true;
            if (_way is { } way) _last = new Comeback(way.LostAt, way.ConnectedAt, clients.Recorder.Clock.Now, way.Tries);
            _way = null;
        }
    }

    private void TakeAll(FollowedRoom room, JsonElement events)
    {
        foreach (var missed in events.EnumerateArray()) Take(room, missed);
    }

    private void Take(FollowedRoom room, JsonElement json)
    {
        if (room.Take(json.GetProperty("seq").GetInt64(), json.Text("epoch"), json.Text("event_id")) is { } wrong) problems.Enqueue($"{user.Id} in {wrong}");
    }

    private Task SubscribeAsync(ChatSocket socket, int index)
    {
        var room = _rooms[index];
        return AskAsync(socket, index, new { event_type = CommandTypes.Subscribe, id = ++_commands, room_id = room.RoomId, since_seq = room.Position, epoch = room.Epoch });
    }

    private Task LoadAsync(ChatSocket socket, int index)
    {
        var room = _rooms[index];
        return AskAsync(socket, index, new { event_type = CommandTypes.History, id = ++_commands, room_id = room.RoomId, after_seq = room.Position ?? 0, limit = HistoryPage });
    }

    private Task AskAsync(ChatSocket socket, int index, object command)
    {
        (_refused[index], _asked[index]) = (false, _commands);
        return socket.SendAsync(JsonSerializer.Serialize(command, LeaveOut));
    }
}
