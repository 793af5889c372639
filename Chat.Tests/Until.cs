namespace Chat.Tests;

/// <summary>Waits for what others bring about; says what was expected when it does not come.</summary>
internal static class Until
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    public static Task TrueAsync(Func<bool> condition, string expected, TimeSpan? within = null) =>
        TrueAsync(() => Task.FromResult(condition()), expected, within);

    public static async Task TrueAsync(Func<Task<bool>> condition, string expected, TimeSpan? within = null)
    {
        var patience = within ?? Patience;
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > patience) Assert.Fail($"Not within {patience.TotalSeconds} s: {expected}.");
            await Task.Delay(Interval);
        }
    }
}
