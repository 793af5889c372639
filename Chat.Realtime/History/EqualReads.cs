namespace Chat.Realtime.History;

/// <summary>
/// Reads of which many are equal: who asks while the same is being read shares one more read with everybody else who does, so that a thousand askers cost two. Whoever
/// asks gets what is read after it asked.
/// </summary>
internal sealed class EqualReads<TKey, TValue>(Func<TKey, Task<TValue>> read)
    where TKey : notnull
{
    private readonly Lock _gate = new();
    private readonly Dictionary<TKey, TaskCompletionSource<TValue>?> _reading = []; // with the answer that those who came meanwhile wait for; as many as ask

    /// <summary>Throws what the reading threw. Who gives up ends nobody else's read.</summary>
    public Task<TValue> AskAsync(TKey key, CancellationToken cancellationToken)
    {
        TaskCompletionSource<TValue>? answer;
        bool begin;
        lock (_gate)
        {
            begin = !_reading.TryGetValue(key, out answer);
            answer ??= new TaskCompletionSource<TValue>(TaskCreationOptions.RunContinuationsAsynchronously);
            _reading[key] = begin ? null : answer;
        }
        if (begin) _ = RunAsync(key, answer); // never throws: who asked is told
        return answer.Task.WaitAsync(cancellationToken);
    }

    private async Task RunAsync(TKey key, TaskCompletionSource<TValue>? answer)
    {
        for (; answer is not null; answer = Next(key))
        {
            try
            {
                answer.SetResult(await read(key));
            }
            catch (Exception failure)
            {
                answer.SetException(failure);
                _ = answer.Task.Exception; // seen, also when whoever asked has gone
            }
        }
    }

    private TaskCompletionSource<TValue>? Next(TKey key)
    {
        lock (_gate)
        {
            var next = _reading[key];
            if (next is null) _reading.Remove(key);
            else _reading[key] = null;
            return next;
        }
    }
}
