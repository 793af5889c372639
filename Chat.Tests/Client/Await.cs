namespace Chat.Tests.Client;

/// <summary>Waits that end: each says what was expected when it does not come.</summary>
internal static class Await
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

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

    /// <summary>Polls until <paramref name="condition"/> holds.</summary>
    public static async Task UntilAsync(Func<bool> condition, string expected)
    {
        var deadline = DateTime.UtcNow + Patience;
        while (!condition())
        {
            if (DateTime.UtcNow > deadline) throw new TimeoutException($"Expected {expected} within {Patience.TotalSeconds} s.");
            await Task.Delay(5);
        }
    }
}
