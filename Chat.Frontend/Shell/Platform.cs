using Chat.Client;
using Chat.Contracts;
using Chat.Frontend.Session;
using Chat.Frontend.Timeline;

namespace Chat.Frontend.Shell;

/// <summary>What the parts of a workspace share: the connection, the API in the user's name, the user's clock, and where to say that something changed.</summary>
public sealed class Platform(
    BrowserSession user, ChatConnection connection, Func<ChatApi> api, TimelineReader reader, TimeProvider time, ChangeSignal signal, CircuitTasks tasks)
{
    public BrowserSession User { get; } = user;
    public ChatConnection Connection { get; } = connection;
    public ChatApi Api => api();
    public TimelineReader Reader { get; } = reader;
    public ChangeSignal Signal { get; } = signal;
    public CircuitTasks Tasks { get; } = tasks;
    public DateTimeOffset Now => Time.GetUtcNow();
    public TimeProvider Time { get; } = time;
}

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
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The circuit ends.
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
