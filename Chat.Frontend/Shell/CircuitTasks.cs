using Chat.Contracts;

namespace Chat.Frontend.Shell;

/// <summary>
/// Owns the work that nobody waits for: each piece is observed, and a refusal of the platform is logged and ends only that piece.
/// Anything else is a fault of ours and goes to the page, which shows it.
/// </summary>
public sealed partial class CircuitTasks(Func<Exception, Task> fault, ILogger<CircuitTasks> log)
{
    private readonly CancellationTokenSource _stop = new();

    public CancellationToken Stopping => _stop.Token;

    /// <summary>Starts <paramref name="work"/> on the caller's context.</summary>
    public void Run(string what, Func<CancellationToken, Task> work) => _ = ObserveAsync(what, work);

    public Task StopAsync() => _stop.CancelAsync();

    private async Task ObserveAsync(string what, Func<CancellationToken, Task> work)
    {
        try
        {
            await work(_stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The circuit ends, or another room was opened: nobody waits for it any more.
        }
        catch (ChatException refused)
        {
            Log.Refused(log, what, refused.Code);
        }
        catch (Exception exception)
        {
            Log.Failed(log, what, exception);
            await fault(exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(6101, LogLevel.Debug, "{What} was refused: {Code}", EventName = "WorkRefused")]
        public static partial void Refused(ILogger logger, string what, string code);

        [LoggerMessage(6102, LogLevel.Error, "{What} failed", EventName = "WorkFailed")]
        public static partial void Failed(ILogger logger, string what, Exception exception);
    }
}
