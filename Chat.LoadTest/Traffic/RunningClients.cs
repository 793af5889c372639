namespace Chat.LoadTest.Traffic;

/// <summary>All writers and readers of a run. None of their tasks outlives it, however the run ends.</summary>
internal sealed class RunningClients : IAsyncDisposable
{
    private readonly CancellationTokenSource _endWriting;
    private readonly CancellationTokenSource _giveUp;
    private readonly CancellationTokenSource _endReading;
    private readonly Writer[] _writers;
    private readonly Task _writing;
    private readonly Task _reading;

    public RunningClients(Clients clients, TrafficPlan plan, IReadOnlyDictionary<string, User> users, CancellationToken stop)
    {
        _endWriting = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _giveUp = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _endReading = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Readers = [.. plan.Readers.Select(program => new Reader(clients, users[program.UserId], program))];
        _writers = [.. plan.Writers.Select(program => new Writer(clients, users[program.UserId], program))];
        _reading = Task.WhenAll(Readers.Select(reader => Task.Run(() => reader.RunAsync(_endReading.Token), CancellationToken.None)));
        _writing = Task.WhenAll(_writers.Select(writer => Task.Run(() => writer.RunAsync(_endWriting.Token, _giveUp.Token), CancellationToken.None)));
    }

    public IReadOnlyList<Reader> Readers { get; }

    /// <summary>Ends in a fault when a client broke, which is a fault of this program and not of the platform; else not before the end.</summary>
    public Task Broken => Task.WhenAny(_reading, _writing).Unwrap();

    /// <summary>No new messages; those under way are repeated until they are acked, or <paramref name="patience"/> is over.</summary>
    public async Task EndWritingAsync(TimeSpan patience)
    {
        await _endWriting.CancelAsync();
        _giveUp.CancelAfter(patience);
        await _writing;
    }

    public async Task EndReadingAsync()
    {
        await _endReading.CancelAsync();
        await _reading;
    }

    public async ValueTask DisposeAsync()
    {
        await _endWriting.CancelAsync();
        await _giveUp.CancelAsync();
        await _endReading.CancelAsync();
        // What went wrong was thrown where it was waited for.
        await Task.WhenAll(_writing, _reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var writer in _writers) await writer.DisposeAsync();
        _endWriting.Dispose();
        _giveUp.Dispose();
        _endReading.Dispose();
    }
}
