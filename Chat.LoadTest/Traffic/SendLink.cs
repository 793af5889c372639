using System.Collections.Concurrent;
using System.Text.Json;
using Chat.Contracts;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>
/// A writer's connection: many sends under way, answered by id. When it is lost, or one answer is late, all of them have an unknown
/// outcome, and the next send connects by the next route.
/// </summary>
internal sealed class SendLink(Clients clients, User user, int firstRoute) : IAsyncDisposable
{
    private static readonly TimeSpan AckPatience = TimeSpan.FromSeconds(4);

    private readonly SemaphoreSlim _connecting = new(1, 1);
    private Open? _open;
    private int _route = firstRoute;
    private int _ids;

    /// <summary>Sends; completes when the frame has left, with the task of its outcome.</summary>
    public async Task<Task<SendOutcome>> BeginAsync(Operation operation, CancellationToken stop)
    {
        Open open;
        try
        {
            open = await ConnectedAsync(stop);
        }
        catch (LinkLostException)
        {
            return Task.FromResult(SendOutcome.Repeat); // nothing was sent
        }
        var id = Interlocked.Increment(ref _ids);
        var answer = open.Expect(id);
        try
        {
            await open.Socket.SendAsync(operation.Frame(id), () => clients.Recorder.Sending(operation.Key, operation.Content, open.Socket.Route.Name, open.Socket.Number));
        }
        catch (LinkLostException)
        {
            open.Lose();
        }
        return FinishAsync(open, operation, answer);
    }

    public async ValueTask DisposeAsync()
    {
        if (_open is { } open)
        {
            open.Lose();
            await open.Reading;
        }
    }

    private async Task<SendOutcome> FinishAsync(Open open, Operation operation, Task<JsonElement?> answer)
    {
        JsonElement? reply = null;
        try
        {
            reply = await answer.WaitAsync(AckPatience);
        }
        catch (TimeoutException)
        {
            open.Lose();
        }
        var route = open.Socket.Route.Name;
        if (reply is not { } json)
        {
            clients.Recorder.Failed(operation.Key, SendFailure.Unknown, route);
            return SendOutcome.Repeat;
        }
        if (json.Text("event_type") == EventTypes.Ack)
        {
            clients.Recorder.Acked(operation.Key with { RoomId = json.Text("room_id") }, json.Text("event_id"), json.GetProperty("seq").GetInt64(), json.Text("epoch"), route, open.Socket.Number);
            return SendOutcome.Acked;
        }
        var code = json.Text("code");
        clients.Recorder.Failed(operation.Key, code, route);
        return Operation.OutcomeOf(code);
    }

    private async Task<Open> ConnectedAsync(CancellationToken stop)
    {
        await _connecting.WaitAsync(stop);
        try
        {
            if (_open is { IsLost: false } open) return open;
            if (_open is { } lost) await lost.Reading;
            _open = null;
            var route = clients.Routes[_route++ % clients.Routes.Count];
            return _open = new Open(await clients.ConnectAsync(route, user.Token, stop));
        }
        finally
        {
            _connecting.Release();
        }
    }

    /// <summary>A socket while it stands, and the answers that are expected from it.</summary>
    private sealed class Open
    {
        private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement?>> _expected = new();
        private volatile bool _lost;

        public Open(ChatSocket socket)
        {
            Socket = socket;
            Reading = Task.Run(ReadAsync);
        }

        public ChatSocket Socket { get; }

        /// <summary>Ends with the connection, never in a fault.</summary>
        public Task Reading { get; }

        public bool IsLost => _lost;

        public Task<JsonElement?> Expect(int id)
        {
            var answer = new TaskCompletionSource<JsonElement?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _expected[id] = answer;
            if (_lost) answer.TrySetResult(null);
            return answer.Task;
        }

        public void Lose()
        {
            _lost = true;
            Socket.Abort();
        }

        private async Task ReadAsync()
        {
            try
            {
                while (await Socket.ReceiveAsync() is { } frame)
                {
                    if (frame.Text("event_type") == EventTypes.Reconnect) break;
                    if (frame.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.Number && _expected.TryRemove(id.GetInt32(), out var answer))
                        answer.TrySetResult(frame);
                }
            }
            catch (LinkLostException)
            {
                // What it means for each send is told below.
            }
            _lost = true;
            foreach (var answer in _expected.Values) answer.TrySetResult(null);
            Socket.Dispose();
        }
    }
}
