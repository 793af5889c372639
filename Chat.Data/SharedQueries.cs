namespace Chat.Data;

/// <summary>
/// Questions that come while one is being answered are asked together, with the next query: when a node dies, thousands of users whom the others do not
/// know come to them at once, and a query for each would take longer than they wait. Whoever asks gets what is read after it asked. Where the query also writes, it is
/// the same to all who share it.
/// </summary>
public sealed class SharedQueries<TKey, TValue>(Func<IReadOnlyCollection<TKey>, Task<IReadOnlyDictionary<TKey, TValue>>> read)
    where TKey : notnull
    where TValue : class
{
    // Few enough that Postgres answers within some milliseconds, enough that a storm takes a few queries.
    private const int MaxPerRead = 500;

    private readonly Lock _gate = new();
    private readonly Dictionary<TKey, TaskCompletionSource<TValue?>> _waiting = [];
    private bool _isReading;

    /// <summary>What is read of the key; null when there is nothing. Throws what the reading threw.</summary>
    public Task<TValue?> FindAsync(TKey key, CancellationToken cancellationToken)
    {
        TaskCompletionSource<TValue?>? answer;
        var begin = false;
        lock (_gate)
        {
            if (!_waiting.TryGetValue(key, out answer))
                _waiting.Add(key, answer = new TaskCompletionSource<TValue?>(TaskCreationOptions.RunContinuationsAsynchronously));
            if (!_isReading) _isReading = begin = true;
        }
        if (begin) _ = ReadAsync(); // never throws: who asked is told
        return answer.Task.WaitAsync(cancellationToken);
    }

    private async Task ReadAsync()
    {
        while (Take() is { Count: > 0 } asked)
        {
            try
            {
                var found = await read(asked.Keys);
                foreach (var (key, answer) in asked) answer.SetResult(found.GetValueOrDefault(key));
            }
            catch (Exception failure)
            {
                foreach (var answer in asked.Values)
                {
                    answer.SetException(failure);
                    _ = answer.Task.Exception; // seen, also when whoever asked has gone
                }
            }
        }
    }

    private Dictionary<TKey, TaskCompletionSource<TValue?>> Take()
    {
        lock (_gate)
        {
            var asked = _waiting.Take(MaxPerRead).ToDictionary();
            foreach (var key in asked.Keys) _waiting.Remove(key);
            _isReading = asked.Count > 0;
            return asked;
        }
    }
}
