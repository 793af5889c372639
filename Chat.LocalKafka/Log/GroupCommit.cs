namespace Chat.LocalKafka.Log;

/// <summary>The disk refused a write or a flush: nothing that waited for it may be acknowledged.</summary>
internal sealed class StorageFailedException(string message, Exception? cause = null) : IOException(message, cause);

/// <summary>
/// Group commit of one file: all who wait when a flush starts are served by it, and those who come meanwhile by the next one.
/// A wait never completes for bytes that were not flushed.
/// </summary>
/// <param name="flush">Flushes what has been appended when it is called and returns up to where that was.</param>
/// <param name="afterwards">What may follow a flush on the same thread, once nobody waits for it any more.</param>
internal sealed class GroupCommit(Flusher flusher, Func<long> flush, Action? afterwards = null)
{
    private readonly Lock _gate = new();
    private readonly Queue<(long End, TaskCompletionSource Done)> _waiters = new();
    private long _durable;
    private bool _scheduled;
    private bool _again;

    /// <summary>Tells that there is something to flush; returns at once.</summary>
    public void Request()
    {
        lock (_gate)
        {
            if (_scheduled)
            {
                _again = true;
                return;
            }

            _scheduled = true;
        }

        Schedule();
    }

    /// <summary>
    /// Completes when everything below the end is durable; fails with <see cref="StorageFailedException"/> when it cannot become so. With <paramref name="isForAnswer"/> what follows runs
    /// on the thread that flushed, and must not block: answers leave from there, and to wake another thread for each would cost more than they do.
    /// </summary>
    public Task WaitAsync(long end, bool isForAnswer = false)
    {
        lock (_gate)
        {
            if (end <= _durable)
                return Task.CompletedTask;
            var done = new TaskCompletionSource(isForAnswer ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Enqueue((end, done));
            return done.Task;
        }
    }

    /// <summary>Sets what is durable from the start, or after the file was opened anew.</summary>
    public void Reset(long durable)
    {
        lock (_gate)
            _durable = durable;
    }

    public void FlushNow()
    {
        lock (_gate)
            _again = false;
        StorageFailedException? failure = null;
        var end = 0L;
        try
        {
            end = flush();
        }
        catch (StorageFailedException exception)
        {
            failure = exception;
        }

        if (failure is null)
            Complete(end);
        else
            Fail(failure);
        afterwards?.Invoke();

        lock (_gate)
        {
            if (!_again)
            {
                _scheduled = false;
                return;
            }
        }

        Schedule();
    }

    // Who waits is not left waiting.
    private void Schedule()
    {
        if (!flusher.TrySchedule(this))
            Fail(new StorageFailedException("The broker stops."));
    }

    /// <summary>What follows the waits runs elsewhere: who says that the disk failed may hold locks.</summary>
    public void Fail(StorageFailedException failure)
    {
        lock (_gate)
        {
            if (_waiters.Count == 0)
                return;
            ThreadPool.UnsafeQueueUserWorkItem(
                static refused =>
                {
                    foreach (var (_, done) in refused.Waiters)
                        done.SetException(refused.Failure);
                },
                (Waiters: _waiters.ToArray(), Failure: failure), preferLocal: false);
            _waiters.Clear();
        }
    }

    private void Complete(long end)
    {
        var served = new List<TaskCompletionSource>();
        lock (_gate)
        {
            _durable = Math.Max(_durable, end);
            // Waiters come nearly in order: a repeated batch waits for an older end. One that is stuck behind a newer end is
            // served by the next flush, which that newer end has already asked for.
            while (_waiters.TryPeek(out var waiter) && waiter.End <= _durable)
                served.Add(_waiters.Dequeue().Done);
        }

        foreach (var done in served)
            done.SetResult();
    }
}
