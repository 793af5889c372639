using System.Collections.Concurrent;
using Chat.Contracts;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>
/// A writer's connection: many sends under way, answered by id. When it is lost, or one answer is late, all of them have an unknown
/// outcome, and the next send connects by the next route.
/// </summary>
internal sealed class SendLink(Clients clients, User user, int firstRoute, LinkKind transport = LinkKind.WebSocket) : IAsyncDisposable
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
        var sentAt = TimeSpan.Zero;
        try
        {
            await open.Link.SendAsync(operation.Command, id, () => sentAt = clients.Recorder.Sending(operation.Key, operation.Wish, open.Link.Route.Name, open.Link.Number));
        }
        catch (LinkLostException)
        {
            open.Lose();
        }
        return FinishAsync(open, operation, sentAt, answer);
    }

    public async ValueTask DisposeAsync()
    {
        if (_open is { } open)
        {
            open.Lose();
            await open.Reading;
        }
    }

    private async Task<SendOutcome> FinishAsync(Open open, Operation operation, TimeSpan sentAt, Task<Heard?> answer)
    {
        Heard? reply = null;
        try
        {
            reply = await answer.WaitAsync(AckPatience);
        }
        catch (TimeoutException)
        {
            open.Lose();
        }
        var route = open.Link.Route.Name;
        if (reply is not { } heard)
        {
            clients.Recorder.Failed(operation.Key, SendFailure.Unknown, route, sentAt);
            return SendOutcome.Repeat;
        }
        if (heard.Refusal is { } code)
        {
            clients.Recorder.Failed(operation.Key, code, route, sentAt);
            return Operation.OutcomeOf(code);
        }
        var ack = heard.Body;
        clients.Recorder.Acked(operation.Key with { RoomId = ack.Text("room_id") }, ack.Text("event_id"), ack.GetProperty("seq").GetInt64(), ack.Text("epoch"), route, open.Link.Number);
        return SendOutcome.Acked;
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
            return _open = new Open(await clients.ConnectAsync(transport, route, user.Token, stop));
        }
        finally
        {
            _connecting.Release();
        }
    }

    /// <summary>A connection while it stands, and the answers that are expected from it.</summary>
    private sealed class Open
    {
        private readonly ConcurrentDictionary<int, TaskCompletionSource<Heard?>> _expected = new();
        private volatile bool _lost;

        public Open(ICommandLink link)
        {
            Link = link;
            Reading = Task.Run(ReadAsync);
        }

        public ICommandLink Link { get; }

        /// <summary>Ends with the connection, never in a fault.</summary>
        public Task Reading { get; }

        public bool IsLost => _lost;

        public Task<Heard?> Expect(int id)
        {
            var answer = new TaskCompletionSource<Heard?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _expected[id] = answer;
            if (_lost) answer.TrySetResult(null);
            return answer.Task;
        }

        public void Lose()
        {
            _lost = true;
            Link.Abort();
        }

        private async Task ReadAsync()
        {
            try
            {
                while (await Link.ReceiveAsync() is { } heard)
                {
                    if (heard.IsEvent && heard.Body.Text("event_type") == EventTypes.Reconnect) break;
                    if (heard.Answers is { } id && _expected.TryRemove(id, out var answer)) answer.TrySetResult(heard);
                }
            }
            catch (LinkLostException)
            {
                // What it means for each send is told below.
            }
            _lost = true;
            foreach (var answer in _expected.Values) answer.TrySetResult(null);
            Link.Dispose();
        }
    }
}
