using Chat.Client;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Frontend.Members;
using Chat.Frontend.Shell;

namespace Chat.Frontend.Rooms;

/// <summary>
/// Keeps the room list in step with the platform: reads it, subscribes to every room in it, and reads it again where an event cannot
/// say enough. Subscribes to at most <see cref="MaxSubscriptions"/> rooms, the most active ones; of further ones the numbers are those of the last reading.
/// </summary>
public sealed partial class RoomDirectory(Platform platform, RoomList rooms, PresenceBook presence, ILogger<RoomDirectory> log)
{
    public const int MaxSubscriptions = 500;
    private const int MaxPresenceQueries = 30;
    private const int SubscribeAtOnce = 8;
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(3);

    private readonly Dictionary<string, Task> _subscriptions = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _firstRead = new();
    private bool _refreshing;
    private bool _refreshAgain;
    private readonly HashSet<string> _presenceOf = new(StringComparer.Ordinal); // rooms of the list, and the open one
    private bool _askingPresence;

    public RoomList Rooms { get; } = rooms;

    /// <summary>Ready when the list was read for the first time.</summary>
    public Task FirstRead => _firstRead.Task;

    /// <summary>Reads the list soon; several calls are one reading.</summary>
    public void Refresh()
    {
        _refreshAgain = true;
        if (_refreshing) return;
        _refreshing = true;
        platform.Tasks.Run("Reading the room list", RefreshAsync);
    }

    /// <summary>Ready when the events of the room arrive here.</summary>
    public Task SubscribedAsync(string roomId)
    {
        if (_subscriptions.TryGetValue(roomId, out var known) && !known.IsFaulted && !known.IsCanceled) return known;
        return _subscriptions[roomId] = SubscribeAsync(roomId);
    }

    public async Task<string> CreateAsync(string name, bool isPrivate)
    {
        var room = await platform.Api.CreateRoomAsync(
            new CreateRoomRequest(null, name, isPrivate ? RoomKinds.Private : RoomKinds.Public), platform.Tasks.Stopping);
        await EnterAsync(room);
        return room.RoomId;
    }

    public async Task JoinAsync(string roomId)
    {
        await platform.Api.JoinRoomAsync(roomId, platform.Tasks.Stopping);
        await ReadAsync(platform.Tasks.Stopping);
    }

    public async Task<string> DirectAsync(string userId)
    {
        if (Rooms.Directs.FirstOrDefault(r => r.Peer?.UserId == userId) is { } known) return known.RoomId;
        var room = await platform.Api.GetDirectRoomAsync(userId, platform.Tasks.Stopping);
        await EnterAsync(room);
        return room.RoomId;
    }

    public async Task SetTopicAsync(string roomId, string topic)
    {
        await platform.Api.UpdateRoomAsync(roomId, new RoomChange(null, topic, null), platform.Tasks.Stopping);
        await ReadAsync(platform.Tasks.Stopping);
    }

    public async Task LeaveAsync(string roomId)
    {
        await platform.Api.LeaveRoomAsync(roomId, platform.Tasks.Stopping);
        Remove(roomId);
    }

    /// <summary>The room goes on after a lost connection: whether the other one of a direct room came or went meanwhile was not told.</summary>
    public void Resume(string roomId)
    {
        if (Rooms.Directs.OrderByDescending(r => r.ActiveAt).Take(MaxPresenceQueries).Any(r => r.RoomId == roomId)) AskPresence(roomId);
    }

    /// <summary>Has the presence of a room's members asked for, one room after the other, until there is an answer.</summary>
    public void AskPresence(string roomId)
    {
        _presenceOf.Add(roomId);
        if (_askingPresence) return;
        _askingPresence = true;
        platform.Tasks.Run("Asking who is online", AskPresenceAsync);
    }

    /// <summary>The user is out of the room: nothing of it stays.</summary>
    public void Remove(string roomId)
    {
        _subscriptions.Remove(roomId);
        if (Rooms.Remove(roomId)) platform.Signal.Raise(Change.Rooms);
    }

    private async Task EnterAsync(RoomSummary room)
    {
        if (Rooms.Find(room.RoomId) is null) Rooms.Add(room);
        platform.Signal.Raise(Change.Rooms);
        await SubscribedAsync(room.RoomId);
        Refresh();
    }

    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (_refreshAgain)
            {
                _refreshAgain = false;
                await Task.Delay(Rooms.Loaded ? Gather : TimeSpan.Zero, platform.Time, cancellationToken);
                try
                {
                    await ReadAsync(cancellationToken);
                }
                catch (ChatException refused) when (refused.Code is not ErrorCodes.Unauthorized)
                {
                    // Cannot be read now; what is shown stays, and it is tried until it can.
                    _refreshAgain = true;
                    await Task.Delay(RetryAfter * (1 + Random.Shared.NextDouble()), platform.Time, cancellationToken);
                }
            }
        }
        finally
        {
            _refreshing = false;
        }
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        Rooms.Load(await platform.Api.GetMyRoomsAsync(cancellationToken));
        _firstRead.TrySetResult();
        platform.Signal.Raise(Change.All);
        platform.Tasks.Run("Subscribing to the rooms", SubscribeAllAsync);
    }

    private async Task SubscribeAllAsync(CancellationToken cancellationToken)
    {
        var missing = Rooms.All.Where(r => !_subscriptions.ContainsKey(r.RoomId)).OrderByDescending(r => r.ActiveAt).Take(Math.Max(0, MaxSubscriptions - _subscriptions.Count)).ToList();
        foreach (var some in missing.Chunk(SubscribeAtOnce)) await Task.WhenAll(some.Select(r => TrySubscribeAsync(r.RoomId)));
        foreach (var direct in missing.Where(r => r.IsDirect).Take(MaxPresenceQueries)) AskPresence(direct.RoomId);
    }

    private async Task AskPresenceAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (_presenceOf.Count > 0)
            {
                var roomId = _presenceOf.First();
                _presenceOf.Remove(roomId); // before the question: who asks meanwhile gets another answer
                var again = false;
                try
                {
                    await LoadPresenceAsync(roomId, cancellationToken);
                }
                catch (ChatException refused)
                {
                    again = refused.Code is ErrorCodes.Unavailable or ErrorCodes.RateLimited; // otherwise the room is gone
                }
                platform.Signal.Raise(Change.Rooms | Change.Members);
                if (!again) continue;
                _presenceOf.Add(roomId);
                await Task.Delay(RetryAfter * (1 + Random.Shared.NextDouble()), platform.Time, cancellationToken);
            }
        }
        finally
        {
            _askingPresence = false;
        }
    }

    private async Task LoadPresenceAsync(string roomId, CancellationToken cancellationToken)
    {
        string? after = null;
        for (var listed = 0; listed < MemberList.Capacity;)
        {
            var asked = presence.Heard;
            var page = await platform.Connection.GetPresenceAsync(roomId, ProtocolLimits.MaxPresenceLimit, after, cancellationToken);
            presence.Load(page.Users, asked);
            listed += page.Users.Count;
            if (!page.HasMore || page.Users.Count == 0) return;
            after = page.Users[^1].UserId;
        }
    }

    // One room that cannot be subscribed to does not keep the others out; the next reading of the list tries it again.
    private async Task TrySubscribeAsync(string roomId)
    {
        try
        {
            await SubscribedAsync(roomId);
        }
        catch (ChatException refused)
        {
            _subscriptions.Remove(roomId);
            Log.NotSubscribed(log, roomId, refused.Code);
        }
    }

    private async Task SubscribeAsync(string roomId)
    {
        // From the head that the list was read with: what came between list and subscription arrives as events and is counted.
        var known = Rooms.Find(roomId);
        var subscription = await platform.Connection.SubscribeAsync(roomId, known?.HeadSeq, cancellationToken: platform.Tasks.Stopping);
        if (!subscription.Recovered) Refresh();
    }

    private static partial class Log
    {
        [LoggerMessage(6201, LogLevel.Information, "Room {RoomId} cannot be subscribed to now: {Code}", EventName = "NotSubscribed")]
        public static partial void NotSubscribed(ILogger logger, string roomId, string code);
    }
}
