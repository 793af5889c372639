using Chat.LoadTest.Traffic;

namespace Chat.LoadTest.Recovery;

/// <summary>The writers of a measurement while they write.</summary>
internal sealed class Writers : IAsyncDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _end;
    private readonly CancellationTokenSource _giveUp;
    private readonly SteadyWriter[] _writers;
    private readonly Task _writing;

    public Writers(Clients clients, IReadOnlyList<User> users, IReadOnlyList<string> rooms, CancellationToken stop)
    {
        _end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _giveUp = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _writers = [.. users.Select((user, i) => new SteadyWriter(clients, user, RoomsOf(i, users.Count, rooms)))];
        _writing = Task.WhenAll(_writers.Select(writer => Task.Run(() => writer.RunAsync(_end.Token, _giveUp.Token), CancellationToken.None)));
    }

    /// <summary>Each room has one writer.</summary>
    public static IReadOnlyList<string> RoomsOf(int writer, int writers, IReadOnlyList<string> rooms) => [.. rooms.Where((_, i) => i % writers == writer)];

    /// <summary>When each writer got its first ack after a moment; a writer that got none within <paramref name="patience"/> is null.</summary>
    public async Task<IReadOnlyList<TimeSpan?>> AcksAfterAsync(TimeSpan moment, TimeSpan patience, CancellationToken stop)
    {
        for (var deadline = DateTime.UtcNow + patience; ;)
        {
            TimeSpan?[] acks = [.. _writers.Select(writer => writer.AckAfter(moment))];
            if (!acks.Contains(null) || DateTime.UtcNow > deadline) return acks;
            if (_writing.IsFaulted) await _writing;
            await Task.Delay(Look, stop);
        }
    }

    /// <summary>No new messages; those under way are repeated until they are acknowledged, or <paramref name="patience"/> is over.</summary>
    public async Task EndAsync(TimeSpan patience)
    {
        await _end.CancelAsync();
        _giveUp.CancelAfter(patience);
        await _writing;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _giveUp.CancelAsync();
        await _writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var writer in _writers) await writer.DisposeAsync();
        _end.Dispose();
        _giveUp.Dispose();
    }
}
