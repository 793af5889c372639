namespace Chat.Tests.EndToEnd;

/// <summary>Waits that end: each says what was expected when it does not come.</summary>
internal static class Await
{
    // Long enough for a reconnect and a takeover on a busy machine.
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task<T> Within<T>(this Task<T> task, string expected)
    {
        try
        {
            return await task.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Expected {expected} within {Patience.TotalSeconds} s.");
        }
    }

    public static async Task Within(this Task task, string expected)
    {
        try
        {
            await task.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Expected {expected} within {Patience.TotalSeconds} s.");
        }
    }

    public static Task UntilAsync(Func<bool> condition, string expected) => UntilAsync(() => Task.FromResult(condition()), () => expected);

    public static Task UntilAsync(Func<bool> condition, Func<string> expected) => UntilAsync(() => Task.FromResult(condition()), expected);

    /// <summary>Polls until <paramref name="condition"/> holds.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> expected)
    {
        var deadline = DateTime.UtcNow + Patience;
        while (!await condition())
        {
            if (DateTime.UtcNow > deadline) throw new TimeoutException($"Expected {expected()} within {Patience.TotalSeconds} s.");
            await Task.Delay(10);
        }
    }
}
