using System.Text.Json;
using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;

namespace Chat.Realtime.Presence;

/// <summary>
/// Relays <c>typing</c> to a room, coalesced: one event per user, room and state within a second. What is held back is not lost: when the
/// second is over and the state is another one than the room knows, it is sent.
/// </summary>
public sealed class TypingRelay(LiveChannels channels, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    // Typing may be lost: over this bound of people who type at the same time, more of them are not shown.
    private const int MaxTypists = 20_000;

    private readonly BusyTick _tick = new(Tick, time);
    private readonly Lock _gate = new();
    private readonly Dictionary<(string UserId, string RoomId), Typist> _typists = [];

    /// <summary>The user starts or stops typing in a room of which it is a member (checked by the caller).</summary>
    public Task SetAsync(ConnectedUser user, string roomId, bool active)
    {
        lock (_gate)
        {
            if (!_typists.TryGetValue((user.UserId, roomId), out var typist))
            {
                if (_typists.Count >= MaxTypists) return Task.CompletedTask;
                _typists.Add((user.UserId, roomId), typist = new Typist { WindowStart = time.GetTimestamp() });
            }
            else if (time.GetElapsedTime(typist.WindowStart) >= Window)
            {
                typist.Restart(time.GetTimestamp());
            }
            typist.User = user;
            typist.Wanted = active;
            _tick.Begin();
            if (!typist.TakeTurn(active)) return Task.CompletedTask;
        }
        return PublishAsync([(user, roomId, active)]);
    }

    public override void Dispose()
    {
        _tick.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await _tick.NextAsync(Timeout.InfiniteTimeSpan, stoppingToken);
                await PublishAsync(TakeHeldBack());
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Nobody types on a node that stops.
        }
    }

    private List<(ConnectedUser User, string RoomId, bool Active)> TakeHeldBack()
    {
        var heldBack = new List<(ConnectedUser, string, bool)>();
        lock (_gate)
        {
            foreach (var (key, typist) in _typists)
            {
                if (time.GetElapsedTime(typist.WindowStart) < Window) continue;
                if (typist.Wanted == typist.Told)
                {
                    _typists.Remove(key);
                    continue;
                }
                typist.Restart(time.GetTimestamp());
                if (typist.TakeTurn(typist.Wanted)) heldBack.Add((typist.User!, key.RoomId, typist.Wanted));
            }
            if (_typists.Count > 0) _tick.Begin();
        }
        return heldBack;
    }

    private Task PublishAsync(List<(ConnectedUser User, string RoomId, bool Active)> events) =>
        Task.WhenAll(events.Select(typing => channels.PublishToRoomAsync(typing.RoomId, Envelope(typing.User, typing.RoomId, typing.Active))));

    private byte[] Envelope(ConnectedUser user, string roomId, bool active)
    {
        var now = time.GetUtcNow();
        return JsonSerializer.SerializeToUtf8Bytes(new ChatEvent
        {
            EventType = EventTypes.Typing,
            EventId = Contracts.EventId.New(now).ToString(),
            RoomId = roomId,
            SenderId = user.UserId,
            SenderName = user.Name,
            Active = active,
            Timestamp = now,
        }, ChatJson.Wire.ChatEvent);
    }

    /// <summary>Somebody in a room: what was told within the second, and what holds.</summary>
    private sealed class Typist
    {
        private bool _toldActive;
        private bool _toldInactive;

        public long WindowStart { get; set; }
        public ConnectedUser? User { get; set; }
        public bool Wanted { get; set; }

        /// <summary>What the room knows; it knows nothing of one who never typed.</summary>
        public bool? Told { get; private set; }

        public void Restart(long now)
        {
            WindowStart = now;
            _toldActive = _toldInactive = false;
        }

        /// <summary>True when this state may be told now: once within a window.</summary>
        public bool TakeTurn(bool active)
        {
            if (active ? _toldActive : _toldInactive) return false;
            if (active) _toldActive = true;
            else _toldInactive = true;
            Told = active;
            return true;
        }
    }
}
