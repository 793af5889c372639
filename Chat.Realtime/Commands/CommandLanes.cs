using Chat.Contracts;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Commands;

/// <summary>
/// The commands of one connection that are under way. Those of one room begin one after another, in the order in which they were sent;
/// those of different rooms do not wait for each other. Their number is bounded: beyond it the transport stops reading.
/// </summary>
internal sealed class CommandLanes(Connection connection, CommandDispatcher dispatcher, CancellationToken ended)
{
    private readonly Lock _gate = new();
    private Dictionary<string, Queue<Command>>? _lanes; // a room is in it while one of its commands is beginning
    private BadFrames _badFrames;
    private int _inFlight;
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _idle;

    /// <summary>Completes when one more command may be read.</summary>
    public Task WhenRoomAsync()
    {
        lock (_gate)
        {
            if (_inFlight < dispatcher.MaxInFlight) return Task.CompletedTask;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    /// <summary>Completes when no command is under way.</summary>
    public Task WhenIdleAsync()
    {
        lock (_gate)
        {
            if (_inFlight == 0) return Task.CompletedTask;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <summary>Takes one frame, which is not needed any more afterwards.</summary>
    public void Enter(ReadOnlySpan<byte> frame)
    {
        if (!CommandParser.TryParse(frame, out var command, out var id, out var error))
        {
            connection.Reply(Replies.Error(id, ErrorCodes.BadRequest, error!));
            if (_badFrames.Count(dispatcher.Time)) connection.Close(CloseCodes.PolicyViolation, "too many bad frames");
            return;
        }
        var lane = dispatcher.LaneOf(connection, command);
        lock (_gate)
        {
            _inFlight++;
            if (lane is not null)
            {
                _lanes ??= [];
                if (_lanes.TryGetValue(lane, out var waiting))
                {
                    waiting.Enqueue(command);
                    return;
                }
                _lanes.Add(lane, new Queue<Command>(0));
            }
        }
        _ = RunAsync(lane, command); // observed through _inFlight
    }

    // Never throws: the dispatcher turns every failure into a reply.
    private async Task RunAsync(string? lane, Command command)
    {
        while (true)
        {
            var rest = await dispatcher.BeginAsync(connection, command, ended);
            if (rest.IsCompleted) Done();
            else _ = FinishAsync(rest);
            if (lane is null) return;
            lock (_gate)
            {
                if (!_lanes![lane].TryDequeue(out command))
                {
                    _lanes.Remove(lane);
                    return;
                }
            }
        }
    }

    private async Task FinishAsync(Task rest)
    {
        await rest;
        Done();
    }

    private void Done()
    {
        TaskCompletionSource? room = null, idle = null;
        lock (_gate)
        {
            _inFlight--;
            if (_inFlight < dispatcher.MaxInFlight) (room, _room) = (_room, null);
            if (_inFlight == 0) idle = _idle;
        }
        room?.TrySetResult();
        idle?.TrySetResult();
    }
}
