using System.Collections.Concurrent;
using Chat.Contracts;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>
/// Does what its program says, pipelined, and repeats each operation with the same <c>client_id</c> until it is acked: over the same
/// connection, over other nodes, over the other transport, or over HTTP where it has that.
/// </summary>
internal sealed class Writer(Clients clients, User user, WriterProgram program) : IAsyncDisposable
{
    private const int MaxUnderWay = 16;

    // The first is the usual one; one of the three goes over the other transport.
    private readonly SendLink[] _links =
    [
        new(clients, user, program.FirstRoute, program.Transport),
        new(clients, user, program.FirstRoute + 1, LinkKind.WebSocket),
        new(clients, user, program.FirstRoute + 2, program.Transport == LinkKind.SignalR ? LinkKind.WebSocket : LinkKind.SignalR),
    ];

    private readonly SemaphoreSlim _underWay = new(MaxUnderWay, MaxUnderWay);
    private readonly List<Task> _tasks = [];
    // The event that each message became; null when it got no ack. Changes wait for it.
    private readonly ConcurrentDictionary<OperationKey, TaskCompletionSource<string?>> _made = [];

    /// <param name="end">No new operations from here on.</param>
    /// <param name="giveUp">Nothing is repeated any more.</param>
    public async Task RunAsync(CancellationToken end, CancellationToken giveUp)
    {
        foreach (var step in program.Steps())
        {
            try
            {
                await Task.Delay(step.Pause, end);
                await _underWay.WaitAsync(end);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            _tasks.RemoveAll(task => task.IsCompletedSuccessfully);
            // One that failed is a fault of this program: it is thrown here.
            if (_tasks.Find(task => task.IsFaulted) is { } failed) await failed;
            _tasks.Add(await BeginAsync(step, giveUp));
        }
        await Task.WhenAll(_tasks);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var link in _links) await link.DisposeAsync();
        _underWay.Dispose();
    }

    /// <summary>The first send is awaited here, so that operations leave in the order of the program; only a change whose message has no ack yet follows later.</summary>
    private async Task<Task> BeginAsync(WriterStep step, CancellationToken giveUp)
    {
        if (step.Operation.EventType == EventTypes.ChatMessage) _made[step.Operation.Key] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (step.Target is not { } target) return DeliverAsync(step, step.Operation, await FirstAsync(step, step.Operation, giveUp), giveUp);
        var made = _made[target].Task;
        if (!made.IsCompleted) return ChangeAsync(step, made, giveUp);
        var change = step.Operation with { TargetId = await made };
        return change.TargetId is null ? ChangeAsync(step, made, giveUp) : DeliverAsync(step, change, await FirstAsync(step, change, giveUp), giveUp);
    }

    private async Task ChangeAsync(WriterStep step, Task<string?> made, CancellationToken giveUp)
    {
        if (await made is not { } targetId)
        {
            // There is nothing to change, which the checker knows by the message that got no ack.
            _underWay.Release();
            return;
        }
        var change = step.Operation with { TargetId = targetId };
        await DeliverAsync(step, change, FirstAsync(step, change, giveUp).Unwrap(), giveUp);
    }

    private async Task<Task<SendOutcome>> FirstAsync(WriterStep step, Operation operation, CancellationToken giveUp)
    {
        if (step.Kind == StepKind.Http) return OverHttpAsync(operation, 0, giveUp);
        var first = await _links[0].BeginAsync(operation, giveUp);
        // Both at once: exactly one may become an event.
        return step.Kind == StepKind.Race ? EitherAsync(first, await _links[1 + (step.Seed & 1)].BeginAsync(operation, giveUp)) : first;
    }

    private static async Task<SendOutcome> EitherAsync(Task<SendOutcome> one, Task<SendOutcome> other)
    {
        var outcomes = await Task.WhenAll(one, other);
        return outcomes.Contains(SendOutcome.Acked) ? SendOutcome.Acked : outcomes.Contains(SendOutcome.Refused) ? SendOutcome.Refused : SendOutcome.Repeat;
    }

    private async Task DeliverAsync(WriterStep step, Operation operation, Task<SendOutcome> first, CancellationToken giveUp)
    {
        var random = new Random(step.Seed);
        try
        {
            var outcome = await first;
            for (var failures = 0; outcome == SendOutcome.Repeat; failures++)
            {
                await Task.Delay(Backoff.After(failures, random), giveUp);
                outcome = await AgainAsync(operation, random.Next(_links.Length + 1), random.Next(clients.Routes.Count), giveUp);
            }
            if (_made.TryGetValue(operation.Key, out var made)) made.TrySetResult(clients.Recorder.EventIdOf(operation.Key));
            // A client that missed the ack sends again much later, by another way: the same ack must come.
            if (outcome == SendOutcome.Acked && step.Kind == StepKind.Again) await AgainAsync(operation, 1 + random.Next(_links.Length), random.Next(clients.Routes.Count), giveUp);
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            // The checker finds an operation without an ack; one that could not even be sent must be known to it.
            clients.Recorder.Sending(operation.Key, operation.Wish, "no route", 0);
        }
        finally
        {
            if (_made.TryGetValue(operation.Key, out var made)) made.TrySetResult(null);
            _underWay.Release();
        }
    }

    private async Task<SendOutcome> AgainAsync(Operation operation, int way, int route, CancellationToken giveUp)
    {
        if (way == _links.Length && operation.EventType == EventTypes.ChatMessage) return await OverHttpAsync(operation, route, giveUp);
        return await await _links[Math.Min(way, _links.Length - 1)].BeginAsync(operation, giveUp);
    }

    private async Task<SendOutcome> OverHttpAsync(Operation operation, int route, CancellationToken giveUp)
    {
        var by = clients.Routes[(program.FirstRoute + route) % clients.Routes.Count];
        var name = $"HTTP {by.Name}";
        var sentAt = clients.Recorder.Sending(operation.Key, operation.Wish, name, 0);
        try
        {
            var ack = await clients.Http.PostAsync(by, user.Token, $"/api/rooms/{operation.Key.RoomId}/messages", new { content = operation.Content, client_id = operation.Key.ClientId }, giveUp);
            clients.Recorder.Acked(operation.Key, ack.Text("event_id"), ack.GetProperty("seq").GetInt64(), ack.Text("epoch"), name, 0);
            return SendOutcome.Acked;
        }
        catch (LinkLostException)
        {
            clients.Recorder.Failed(operation.Key, SendFailure.Unknown, name, sentAt);
            return SendOutcome.Repeat;
        }
        catch (ChatException refused)
        {
            clients.Recorder.Failed(operation.Key, refused.Code, name, sentAt);
            return Operation.OutcomeOf(refused.Code);
        }
    }
}
