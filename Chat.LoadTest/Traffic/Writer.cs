using Chat.Contracts;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>
/// Sends what its program says, pipelined, and repeats each message with the same <c>client_id</c> until it is acked: over the same
/// connection, over another node, or over HTTP.
/// </summary>
internal sealed class Writer(Clients clients, User user, WriterProgram program) : IAsyncDisposable
{
    private const int MaxUnderWay = 16;

    private readonly SendLink _first = new(clients, user, program.FirstRoute);
    private readonly SendLink _second = new(clients, user, program.FirstRoute + 1);
    private readonly SemaphoreSlim _underWay = new(MaxUnderWay, MaxUnderWay);
    private readonly List<Task> _tasks = [];

    /// <param name="end">No new messages from here on.</param>
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
            // The first send is awaited here, so that messages leave in the order of the program.
            var first = await FirstAsync(step, giveUp);
            _tasks.Add(DeliverAsync(step, first, giveUp));
        }
        await Task.WhenAll(_tasks);
    }

    public async ValueTask DisposeAsync()
    {
        await _first.DisposeAsync();
        await _second.DisposeAsync();
        _underWay.Dispose();
    }

    private async Task<Task<SendOutcome>> FirstAsync(WriterStep step, CancellationToken giveUp)
    {
        if (step.Kind == StepKind.Http) return OverHttpAsync(step, 0, giveUp);
        var first = await _first.BeginAsync(step.Operation, giveUp);
        // Both at once: exactly one may become an event.
        return step.Kind == StepKind.Race ? EitherAsync(first, await _second.BeginAsync(step.Operation, giveUp)) : first;
    }

    private static async Task<SendOutcome> EitherAsync(Task<SendOutcome> one, Task<SendOutcome> other)
    {
        var outcomes = await Task.WhenAll(one, other);
        return outcomes.Contains(SendOutcome.Acked) ? SendOutcome.Acked : outcomes.Contains(SendOutcome.Refused) ? SendOutcome.Refused : SendOutcome.Repeat;
    }

    private async Task DeliverAsync(WriterStep step, Task<SendOutcome> first, CancellationToken giveUp)
    {
        var random = new Random(step.Seed);
        try
        {
            var outcome = await first;
            for (var failures = 0; outcome == SendOutcome.Repeat; failures++)
            {
                await Task.Delay(Backoff.After(failures, random), giveUp);
                outcome = await AgainAsync(step, random.Next(3), random.Next(clients.Routes.Count), giveUp);
            }
            // A client that missed the ack sends again much later, by another way: the same ack must come.
            if (outcome == SendOutcome.Acked && step.Kind == StepKind.Again) await AgainAsync(step, 1 + random.Next(2), random.Next(clients.Routes.Count), giveUp);
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            // The checker finds a message without an ack; one that could not even be sent must be known to it.
            clients.Recorder.Sending(step.Operation.Key, step.Operation.Content, "no route", 0);
        }
        finally
        {
            _underWay.Release();
        }
    }

    private async Task<SendOutcome> AgainAsync(WriterStep step, int way, int route, CancellationToken giveUp) => way switch
    {
        0 => await await _first.BeginAsync(step.Operation, giveUp),
        1 => await await _second.BeginAsync(step.Operation, giveUp),
        _ => await OverHttpAsync(step, route, giveUp),
    };

    private async Task<SendOutcome> OverHttpAsync(WriterStep step, int route, CancellationToken giveUp)
    {
        var by = clients.Routes[(program.FirstRoute + route) % clients.Routes.Count];
        var (operation, name) = (step.Operation, $"HTTP {by.Name}");
        clients.Recorder.Sending(operation.Key, operation.Content, name, 0);
        try
        {
            var ack = await clients.Http.PostAsync(by, user.Token, $"/api/rooms/{operation.Key.RoomId}/messages", new { content = operation.Content, client_id = operation.Key.ClientId }, giveUp);
            clients.Recorder.Acked(operation.Key, ack.Text("event_id"), ack.GetProperty("seq").GetInt64(), ack.Text("epoch"), name, 0);
            return SendOutcome.Acked;
        }
        catch (LinkLostException)
        {
            clients.Recorder.Failed(operation.Key, SendFailure.Unknown, name);
            return SendOutcome.Repeat;
        }
        catch (ChatException refused)
        {
            clients.Recorder.Failed(operation.Key, refused.Code, name);
            return Operation.OutcomeOf(refused.Code);
        }
    }
}
