namespace Chat.Tests.Api;

/// <summary>Waits for a condition with a deadline that says what was expected.</summary>
internal static class Until
{
    public static async Task TrueAsync(Func<Task<bool>> condition, string expected, TimeSpan? within = null)
    {
        var limit = within ?? TimeSpan.FromSeconds(30);
        var start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < limit, $"Not within {limit}: {expected}");
            await Task.Delay(25);
        }
    }
}
