using Chat.Contracts;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Commands;

/// <summary>
/// The commands of one connection that are under way. Those of one room have their turns in the order in which they were sent, and what a send asks before its turn is asked of
/// all of them at once; those of different rooms do not wait for each other. Their number is bounded: beyond it the transport stops reading. Every connection has them and most are idle: so
/// they are their own lock, and what only commands under way need goes with the last of these.
/// </summary>
internal sealed class CommandLanes(Connection connection, CommandDispatcher dispatcher)
{
    private Lane? _lanes; // of the rooms of which commands are beginning: at most as many as commands may be under way, and nothing while idle
    private BadFrames _badFrames;
    private int _inFlight;
    private CancellationTokenSource? _stopping; // of the commands under way
    private bool _isStopped;
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _idle;

    /// <summary>Completes when one more command may be read.</summary>
    public Task WhenRoomAsync()
    {
        lock (this)
        {
            if (_inFlight < dispatcher.MaxInFlight) return Task.CompletedTask;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    /// <summary>Cancels the commands that are under way; completes when they have ended.</summary>
    public async Task StopAsync()
    {
        CancellationTokenSource? stopping;
        Task idle;
        lock (this)
        {
            _isStopped = true;
            if (_inFlight == 0) return;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (stopping, idle) = (_stopping, _idle.Task);
        }
        if (stopping is not null) await stopping.CancelAsync();
        await idle;
    }

    /// <summary>Takes one frame, which is not needed any more afterwards. One at a time.</summary>
    public void Enter(ReadOnlySpan<byte> frame)
    {
        if (!CommandParser.TryParse(frame, out var command, out var id, out var error))
        {
            connection.Reply(Replies.Error(id, ErrorCodes.BadRequest, error!));
            if (_badFrames.Count(dispatcher.Time)) connection.Close(CloseCodes.PolicyViolation, "too many bad frames");
            return;
        }
        var room = dispatcher.LaneOf(connection, command);
        Lane? lane = null;
        CancellationToken stopping;
        lock (this)
        {
            _inFlight++;
            stopping = _isStopped ? new CancellationToken(canceled: true) : (_stopping ??= new CancellationTokenSource()).Token;
            if (room is not null)
            {
                for (lane = _lanes; lane is not null && lane.Room != room;) lane = lane.Next;
                lane ??= _lanes = new Lane(room, _lanes);
                lane.Count++;
            }
        }
        var begun = RunAsync(lane, lane?.Newest ?? Task.CompletedTask, command, stopping); // observed through _inFlight
        if (lane is not null) lane.Newest = begun;
    }

    // Never throws: the dispatcher turns every failure into a reply. Completes when the next command of the lane may have its turn.
    private async Task RunAsync(Lane? lane, Task turn, Command command, CancellationToken stopping)
    {
        var rest = await dispatcher.BeginAsync(connection, command, turn, stopping);
        await turn; // one that was refused before its turn lets nobody pass those before it, and is under way until then
        if (rest.IsCompleted) Done();
        else _ = FinishAsync(rest);
        if (lane is null) return;
        lock (this)
        {
            if (--lane.Count == 0) Remove(lane);
        }
    }

    private void Remove(Lane lane)
    {
        if (_lanes == lane)
        {
            _lanes = lane.Next;
            return;
        }
        var before = _lanes!;
        while (before.Next != lane) before = before.Next!;
        before.Next = lane.Next;
    }

    private async Task FinishAsync(Task rest)
    {
        await rest;
        Done();
    }

    private void Done()
    {
        TaskCompletionSource? room = null, idle = null;
        lock (this)
        {
            _inFlight--;
            if (_inFlight < dispatcher.MaxInFlight) (room, _room) = (_room, null);
            if (_inFlight == 0) (idle, _stopping) = (_idle, null);
        }
        room?.TrySetResult();
        idle?.TrySetResult();
    }

    private sealed class Lane(string room, Lane? next)
    {
        public string Room => room;
        public Lane? Next { get; set; } = next;

        /// <summary>Commands that are beginning.</summary>
        public int Count { get; set; }

        /// <summary>Completes when the next command may have its turn. Belongs to <see cref="Enter"/>.</summary>
        public Task Newest { get; set; } = Task.CompletedTask;
    }
}
