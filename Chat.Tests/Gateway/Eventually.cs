namespace Chat.Tests.Gateway;

/// <summary>Waits for a condition that others bring about.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(15);

    public static Task TrueAsync(Func<bool> condition, string expected, TimeSpan? within = null) =>
        TrueAsync(() => Task.FromResult(condition()), expected, within);

    public static async Task TrueAsync(Func<Task<bool>> condition, string expected, TimeSpan? within = null)
    {
        var timeout = within ?? DefaultTimeout;
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > timeout)
                Assert.Fail($"Not within {timeout.TotalSeconds} s: {expected}.");
            await Task.Delay(Interval);
        }
    }
}
