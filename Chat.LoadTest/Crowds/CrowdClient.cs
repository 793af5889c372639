using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chat.Contracts;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Crowds;

/// <summary>
/// One of thousands: follows a few rooms for the whole run, and comes back as the protocol page tells a client to. It keeps of each
/// room only where it is, so it costs this machine little beside the system that it measures.
/// </summary>
internal sealed class CrowdClient(
    int number, IReadOnlyList<Route> routes, RunClock clock, OpeningTurns turns, User user, IReadOnlyList<string> rooms, ConcurrentQueue<string> problems, ICrowdWatch? watch)
{
    private const int HistoryPage = 200;
    // What is wrong is told in examples: one fault of the platform makes thousands.
    private const int MaxProblems = 1_000;
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(500);
    private static readonly JsonSerializerOptions LeaveOut = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private readonly Lock _gate = new();
    private readonly FollowedRoom[] _rooms = [.. rooms.Select(room => new FollowedRoom(room))];
    // By room: the command whose answer is awaited. Answers to earlier ones are out of date.
    private readonly int[] _asked = new int[rooms.Count];
    private readonly bool[] _refused = new bool[rooms.Count];
    private TimeSpan? _askAgainAt;
    private int _commands;
    private LightSocket? _socket;
    private long _bytesBefore;
    private string? _nodeId;
    private bool _caughtUp;
    private Comeback? _last;
    private (TimeSpan LostAt, TimeSpan ConnectedAt, int Tries)? _way; // null while it has not lost its connection

    /// <summary>In the crowd.</summary>
    public int Number { get; } = number;

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

    /// <summary>Over all its connections.</summary>
    public long Bytes
    {
        get { lock (_gate) return _bytesBefore + (_socket?.Bytes ?? 0); }
    }

    /// <summary>Connections that it made.</summary>
    public int Connections { get; private set; }

    /// <summary>Connections that it lost.</summary>
    public int Losses { get; private set; }

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
            for (var (failures, way) = (0, Number % routes.Count); ; way = Another(way, random))
            {
                var began = clock.Now;
                TimeSpan? told = null;
                try
                {
                    told = await SessionAsync(routes[way], random, stop);
                }
                catch (LinkLostException)
                {
                    // The next session resumes.
                }
                var stood = IsConnected() ? clock.Now - began : TimeSpan.Zero;
                Lose();
                if (stood >= ReconnectDelay.StableAfter) failures = 0;
                await Task.Delay(told ?? ReconnectDelay.After(failures++, random), stop);
                if (turns.Take(clock.Now) is { Ticks: > 0 } turn) await Task.Delay(turn, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }

    // Any of the others, as a load balancer would: the next one in line would get all that a lost node had.
    private int Another(int way, Random random) => routes.Count == 1 ? way : (way + 1 + random.Next(routes.Count - 1)) % routes.Count;

    private bool IsConnected()
    {
        lock (_gate) return _nodeId is not null;
    }

    private void Lose()
    {
        lock (_gate)
        {
            if (_nodeId is not null)
            {
                _way ??= (clock.Now, default, 0);
                Losses++;
            }
            _bytesBefore += _socket?.Bytes ?? 0;
            (_socket, _nodeId, _caughtUp) = (null, null, false);
            foreach (var room in _rooms) room.IsLive = false;
        }
    }

    /// <returns>When to come back, if the server said so.</returns>
    private async Task<TimeSpan?> SessionAsync(Route route, Random random, CancellationToken stop)
    {
        lock (_gate)
            if (_way is { } lost) _way = lost with { Tries = lost.Tries + 1 };
        using var socket = await LightSocket.ConnectAsync(route, user.Token, stop);
        using var ended = stop.Register(socket.Abort);
        lock (_gate) _socket = socket;
        Connections++;
        Array.Clear(_refused);
        _askAgainAt = null;
        for (var i = 0; i < _rooms.Length; i++) Subscribe(socket, i);
        while (true)
        {
            var next = socket.ReceiveAsync();
            var frame = next.IsCompleted || _askAgainAt is null ? await next : await AskingAgainAsync(socket, next.AsTask(), random, stop);
            if (frame is not { } bytes) return null;
            if (TakeEvent(bytes.Span)) continue;
            using var json = JsonDocument.Parse(bytes);
            if (json.RootElement.Text("event_type") == EventTypes.Reconnect) return TimeSpan.FromMilliseconds(json.RootElement.NumberOrNull("after_ms") ?? 0);
            Take(socket, json.RootElement);
        }
    }

    /// <summary>Waits for a frame, and meanwhile repeats what was refused for now.</summary>
    private async Task<ReadOnlyMemory<byte>?> AskingAgainAsync(LightSocket socket, Task<ReadOnlyMemory<byte>?> next, Random random, CancellationToken stop)
    {
        try
        {
            while (_askAgainAt is { } at)
            {
                if (at > clock.Now && await Task.WhenAny(next, Task.Delay(at - clock.Now, stop)) == next) break;
                for (var i = 0; i < _rooms.Length; i++)
                    if (_refused[i]) Subscribe(socket, i);
                _askAgainAt = _refused.Contains(true) ? clock.Now + AskAgain * (0.5 + random.NextDouble()) : null;
            }
            return await next;
        }
        finally
        {
            if (!next.IsCompleted) socket.Abort();
            await next.ContinueWith(ended => ended.Exception, TaskScheduler.Default); // nobody waits for it any more, however it ends
        }
    }

    /// <summary>The hot way: an event of a room. False for every other frame.</summary>
    private bool TakeEvent(ReadOnlySpan<byte> frame)
    {
        var glance = EventGlance.At(frame);
        if (glance.Seq == 0 || glance.EventType.SequenceEqual("ack"u8)) return false;
        foreach (var room in _rooms)
        {
            if (!glance.RoomId.SequenceEqual(room.RoomIdBytes)) continue;
            lock (_gate)
                if (room.IsLive) Take(room, glance);
            break;
        }
        return true;
    }

    private void Take(LightSocket socket, JsonElement frame)
    {
        switch (frame.Text("event_type"))
        {
            case EventTypes.Welcome:
                Welcomed(frame.Text("node_id"));
                break;
            case EventTypes.Ack or EventTypes.Error:
                var index = Array.IndexOf(_asked, frame.GetProperty("id").GetInt32());
                if (index >= 0) Answered(socket, index, frame);
                break;
            case EventTypes.Resync when IndexOf(frame) is { } restarted:
                lock (_gate) (_rooms[restarted].IsLive, _caughtUp) = (false, false);
                Load(socket, restarted);
                break;
        }
    }

    private void Answered(LightSocket socket, int index, JsonElement answer)
    {
        if (answer.Text("event_type") == EventTypes.Error)
        {
            _refused[index] = true;
            _askAgainAt ??= clock.Now + AskAgain * (0.5 + Random.Shared.NextDouble());
            if (Operation.OutcomeOf(answer.Text("code")) != SendOutcome.Repeat) Wrong($"{user.Id} was refused in {_rooms[index].RoomId}: {answer.GetRawText()}");
        }
        else if (answer.TryGetProperty("has_more", out var more))
        {
            lock (_gate) TakeAll(_rooms[index], answer.GetProperty("events"));
            if (more.GetBoolean()) Load(socket, index);
            else Subscribe(socket, index);
        }
        else if (answer.GetProperty("recovered").GetBoolean()) Subscribed(index, answer);
        else Load(socket, index);
    }

    private void Welcomed(string nodeId)
    {
        lock (_gate)
        {
            _nodeId = nodeId;
            if (_way is { } lost) _way = lost with { ConnectedAt = clock.Now };
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
            room.StartAt(head, Encoding.UTF8.GetBytes(ack.Text("epoch")));
            TakeAll(room, ack.GetProperty("events"));
            if (room.Position < head) Wrong($"{user.Id} in {room.RoomId}: the ack leads to {room.Position}, its head is {head}");
            room.IsLive = true;
            if (_caughtUp || !_rooms.All(followed => followed.IsLive)) return;
            _caughtUp = true;
            if (_way is { } way) _last = new Comeback(way.LostAt, way.ConnectedAt, clock.Now, way.Tries);
            _way = null;
        }
    }

    private void TakeAll(FollowedRoom room, JsonElement events)
    {
        foreach (var missed in events.EnumerateArray()) Take(room, EventGlance.At(Encoding.UTF8.GetBytes(missed.GetRawText())));
    }

    private void Take(FollowedRoom room, in EventGlance glance)
    {
        if (room.Take(glance.Seq, glance.Epoch, glance.EventId) is { } wrong) Wrong($"{user.Id} in {wrong}");
        watch?.Came(Number, glance);
    }

    private void Wrong(string problem)
    {
        if (problems.Count < MaxProblems) problems.Enqueue(problem);
    }

    private void Subscribe(LightSocket socket, int index)
    {
        var room = _rooms[index];
        Ask(socket, index, new { event_type = CommandTypes.Subscribe, id = ++_commands, room_id = room.RoomId, since_seq = room.Position, epoch = room.Epoch });
    }

    private void Load(LightSocket socket, int index)
    {
        var room = _rooms[index];
        Ask(socket, index, new { event_type = CommandTypes.History, id = ++_commands, room_id = room.RoomId, after_seq = room.Position ?? 0, limit = HistoryPage });
    }

    private void Ask(LightSocket socket, int index, object command)
    {
        (_refused[index], _asked[index]) = (false, _commands);
        socket.Send(JsonSerializer.SerializeToUtf8Bytes(command, LeaveOut));
    }
}
