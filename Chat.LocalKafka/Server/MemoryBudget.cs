namespace Chat.LocalKafka.Server;

/// <summary>
/// Bytes that may be in use at the same time, over all connections. Who asks for more than is left waits in line, so that a large
/// request is not overtaken for ever; more than there is at all is counted as all there is.
/// </summary>
internal sealed class MemoryBudget(int total)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<(int Bytes, TaskCompletionSource Granted)> _line = new();
    private readonly int _total = total;
    private int _left = total;

    public async ValueTask<MemoryLease> TakeAsync(int bytes, CancellationToken cancellation)
    {
        bytes = Math.Min(bytes, _total);
        LinkedListNode<(int, TaskCompletionSource Granted)> place;
        lock (_gate)
        {
            if (_line.Count == 0 && bytes <= _left)
            {
                _left -= bytes;
                return new MemoryLease(this, bytes);
            }

            place = _line.AddLast((bytes, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
        }

        await using var registration = cancellation.Register(() => GiveUp(place, cancellation));
        await place.Value.Granted.Task;
        return new MemoryLease(this, bytes);
    }

    public void Return(int bytes)
    {
        lock (_gate)
        {
            _left += bytes;
            Serve();
        }
    }

    private void GiveUp(LinkedListNode<(int, TaskCompletionSource Granted)> place, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (place.List is null)
                return;
            _line.Remove(place);
            place.Value.Granted.SetCanceled(cancellation);
            Serve();
        }
    }

    private void Serve()
    {
        while (_line.First is { } first && first.Value.Bytes <= _left)
        {
            _left -= first.Value.Bytes;
            _line.RemoveFirst();
            first.Value.Granted.SetResult();
        }
    }
}

/// <summary>A part of the budget; disposing gives it back, once.</summary>
internal sealed class MemoryLease(MemoryBudget budget, int bytes) : IDisposable
{
    private int _bytes = bytes;

    public void Dispose()
    {
        var given = Interlocked.Exchange(ref _bytes, 0);
        if (given > 0)
            budget.Return(given);
    }

    /// <summary>Takes more; what is held already stays held while waiting.</summary>
    public async ValueTask GrowAsync(int more, CancellationToken cancellation)
    {
        using var taken = await budget.TakeAsync(more, cancellation);
        Interlocked.Add(ref _bytes, Interlocked.Exchange(ref taken._bytes, 0));
    }

    /// <summary>Hands on as many bytes as were needed and gives the rest back: the result must be disposed instead.</summary>
    public MemoryLease Keep(int needed)
    {
        var taken = Interlocked.Exchange(ref _bytes, 0);
        var kept = Math.Min(taken, needed);
        budget.Return(taken - kept);
        return new MemoryLease(budget, kept);
    }
}
