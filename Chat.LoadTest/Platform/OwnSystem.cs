namespace Chat.LoadTest.Platform;

/// <summary>A run on a system that is started for it and ends with it. Data and logs go when it was clean, and stay otherwise, or when they are asked for.</summary>
internal static class OwnSystem
{
    public static async Task<TResult> RunAsync<TResult>(
        Task<AppHostProcess> starting, Func<AppHostProcess, Dashboard, Task<TResult>> run, Func<TResult, bool> isClean, bool keep, TextWriter output)
    {
        var system = await starting;
        var clean = false;
        try
        {
            using var dashboard = new Dashboard(system.Dashboard);
            var result = await run(system, dashboard);
            clean = isClean(result);
            return result;
        }
        finally
        {
            await system.DisposeAsync();
            if (clean && !keep) Directory.Delete(system.DataDirectory, recursive: true);
            else await output.WriteLineAsync($"data and logs of the system are in {system.DataDirectory}");
        }
    }
}
