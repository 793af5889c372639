using System.Net;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Transport;

/// <summary>Opens the sessions below Kestrel, ends them, and knows how many there are: each is ended once, whatever ended it, and gives its place back.</summary>
internal sealed partial class FastSessions(
    ConnectionLifecycle lifecycle, ConnectionLimits limits, CommandDispatcher dispatcher, NodeMetrics metrics, TimeProvider time, ILogger<FastSessions> logger)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);
    private int _count;
    private volatile bool _isClosed;

    /// <summary>The node stops: who was still being let in is cut.</summary>
    public bool IsClosed => _isClosed;

    public CommandDispatcher Dispatcher => dispatcher;
    public NodeMetrics Metrics => metrics;
    public TimeProvider Time => time;

    /// <summary>Opens a connection for somebody who was admitted, and lets the loop serve it.</summary>
    public async Task OpenAsync(Caller caller, Admission admission)
    {
        Interlocked.Increment(ref _count);
        try
        {
            var connection = await lifecycle.OpenAsync(admission.User, CancellationToken.None);
            caller.Become((loop, fd) => new FastSession(this, connection, admission.Address, loop, fd));
        }
        catch
        {
            Interlocked.Decrement(ref _count);
            throw;
        }
    }

    public void LetNobodyIn() => _isClosed = true;

    /// <summary>Gives back a place among the connections of the address.</summary>
    public void GiveBack(IPAddress address) => limits.Leave(address);

    /// <summary>The session's socket is closed. Never throws.</summary>
    public async Task EndAsync(FastSession session)
    {
        try
        {
            await session.StopCommandsAsync();
            lifecycle.Closed(session.Connection);
        }
        catch (Exception e)
        {
            Log.EndFailed(logger, e, session.Connection.Id);
        }
        finally
        {
            GiveBack(session.Address);
            Interlocked.Decrement(ref _count);
        }
    }

    /// <summary>Completes when every session has ended; false when some have not within <paramref name="timeout"/>.</summary>
    public async Task<bool> WhenNoneAsync(TimeSpan timeout)
    {
        for (var started = time.GetTimestamp(); Volatile.Read(ref _count) > 0;)
        {
            if (time.GetElapsedTime(started) > timeout) return false;
            await Task.Delay(Look);
        }
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(1196, LogLevel.Error, "Connection {ConnectionId} was not ended cleanly")]
        public static partial void EndFailed(ILogger logger, Exception failure, string connectionId);
    }
}
