using Chat.Client.Delivery;
using Chat.Client.Rooms;
using Chat.Contracts;
using Microsoft.Extensions.Logging;

namespace Chat.Client.Connecting;

/// <summary>
/// Keeps one connection at a time, and makes the next when it ends, until it is disposed or the server says that there will be none.
/// The failure count falls back to zero only after a connection has been stable, so a server that accepts and closes is not stormed.
/// </summary>
internal sealed partial class ConnectionLoop(
    ChatClientOptions options, CurrentLink links, RoomStreams rooms, EventDelivery delivery, ReconnectDelay delays,
    Action<ConnectionState> setState, ILogger logger)
{
    private static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(5);
    private static readonly LinkEnd Disposed = new("The connection was disposed.", Closed: ClosedReason.Disposed);
    private const int OverloadedAttempt = 4; // 16 times the first bound: 4 s with the default
    private const int ForgivenRefusals = 3; // of two nodes, by chance, seven of eight who move come to the other one before

    private readonly Handshake _handshake = new(options);
    private readonly LinkReader _reader = new(rooms, delivery, logger);
    private readonly SessionRenewal _renewal = new(options, logger);

    /// <summary>The server's first frame of the current connection.</summary>
    public ChatEvent? Welcome { get; private set; }

    /// <summary>Ends with the state <see cref="ConnectionStatus.Closed"/>; never throws.</summary>
    public async Task RunAsync(CancellationToken disposed)
    {
        var forgivable = 0; // refusals to come that may be those of the node that is being left
        for (var attempt = 0; ;)
        {
            var end = disposed.IsCancellationRequested ? Disposed : await OnceAsync(attempt, disposed);
            if (disposed.IsCancellationRequested) end = Disposed;
            if (end.Closed is { } reason)
            {
                Close(end, reason);
                return;
            }
            if (end.Stable) (attempt, forgivable) = (0, 0);
            if (end.Moved) forgivable = ForgivenRefusals;
            // Who moves may come to the stopping node again, which turns newcomers away: that is no overload, and when it is to be asked again says nothing of
            // the others.
            if (end.TurnedAway && forgivable > 0)
            {
                forgivable--;
                end = end with { AtLeast = TimeSpan.Zero, Overloaded = false };
            }
            if (end.Overloaded) attempt = Math.Max(attempt, OverloadedAttempt);
            // The server has spread the moves itself.
            var delay = end.Moved && end.Stable ? end.AtLeast : end.AtLeast + delays.After(attempt);
            attempt++;
            await PauseAsync(end, attempt, delay, disposed);
        }
    }

    /// <summary>One attempt and, if it succeeds, the whole life of that connection.</summary>
    private async Task<LinkEnd> OnceAsync(int attempt, CancellationToken disposed)
    {
        setState(new ConnectionState(ConnectionStatus.Connecting, attempt));
        try
        {
            var made = await _handshake.ConnectAsync(disposed);
            if (made is not { Socket: { } socket, Link: { } link }) return made.End!;
            await using (socket)
            {
                var began = options.TimeProvider.GetTimestamp();
                var end = await ServeAsync(socket, link, attempt, disposed);
                return end with { Stable = options.TimeProvider.GetElapsedTime(began) >= StableAfter };
            }
        }
        catch (OperationCanceledException) when (disposed.IsCancellationRequested)
        {
            return Disposed;
        }
        catch (Exception e) // e.g. of the token provider: an attempt that failed, like any other
        {
            Log.AttemptFailed(logger, e);
            return new LinkEnd(e.Message);
        }
    }

    private async Task<LinkEnd> ServeAsync(ChatSocket socket, ChatLink link, int attempt, CancellationToken disposed)
    {
        Welcome = link.Welcome;
        rooms.BeginConnection();
        links.Set(link);
        setState(new ConnectionState(ConnectionStatus.Connected, attempt));
        Log.Connected(logger, link.Welcome.ConnectionId, link.Welcome.NodeId);

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(disposed);
        using var abandoned = new CancellationTokenSource();
        var wish = new TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously);
        var moving = MoveAsync(socket, link, wish.Task, ended.Token);
        var work = Task.WhenAll(
            rooms.ResumeAsync(link, ended.Token), _renewal.RunAsync(link, ended.Token), CloseAtDisposalAsync(socket, abandoned, disposed, ended.Token));

        LinkEnd? moved;
        try
        {
            await _reader.ReadAsync(socket, link, delay => wish.TrySetResult(delay), abandoned.Token);
        }
        finally
        {
            // However the reading ended: nobody may go on with this connection, nor wait for its replies.
            links.Abandon(link);
            link.End();
            await ended.CancelAsync();
            await ObserveAsync(work);
            moved = await moving;
        }
        var closed = LinkEnd.Of(socket.CloseCode, socket.CloseText);
        return closed.Closed is null && moved is not null ? moved : closed;
    }

    /// <summary>Waits for the server's wish to move, and closes when its time has come.</summary>
    /// <returns>Null when there was no such wish; else how much of the delay was left when the connection ended.</returns>
    private async Task<LinkEnd?> MoveAsync(ChatSocket socket, ChatLink link, Task<TimeSpan> wish, CancellationToken ended)
    {
        try
        {
            await wish.WaitAsync(ended);
        }
        catch (OperationCanceledException)
        {
            // Where the close stands right behind the wish, both are here at once: the wish counts.
            if (!wish.IsCompletedSuccessfully) return null;
        }
        var delay = await wish;
        var began = options.TimeProvider.GetTimestamp();
        try
        {
            await Task.Delay(delay, options.TimeProvider, ended);
            links.Abandon(link);
            await socket.CloseAsync();
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The server closed first. The rest of the delay is still waited: it spreads the clients of a stopping node.
        }
        var left = delay - options.TimeProvider.GetElapsedTime(began);
        return new LinkEnd("The server restarts.", socket.CloseCode, Moved: true, AtLeast: left > TimeSpan.Zero ? left : TimeSpan.Zero);
    }

    private static async Task CloseAtDisposalAsync(ChatSocket socket, CancellationTokenSource abandoned, CancellationToken disposed, CancellationToken ended)
    {
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, ended);
        }
        catch (OperationCanceledException) when (disposed.IsCancellationRequested)
        {
            await socket.CloseAsync();
            await abandoned.CancelAsync(); // the reader may be waiting for a slow handler instead of reading
        }
    }

    /// <summary>The works of a connection end with it; what else went wrong in them is logged.</summary>
    private async Task ObserveAsync(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception e) when (e is OperationCanceledException or ConnectionLostException)
        {
            // how they end
        }
        catch (Exception e)
        {
            Log.WorkFailed(logger, e);
        }
    }

    private async Task PauseAsync(LinkEnd end, int attempt, TimeSpan delay, CancellationToken disposed)
    {
        Log.Lost(logger, end.Reason, end.CloseCode, (long)delay.TotalMilliseconds);
        setState(new ConnectionState(ConnectionStatus.Reconnecting, attempt, options.TimeProvider.GetUtcNow() + delay, end.Reason, CloseCode: end.CloseCode));
        try
        {
            await Task.Delay(delay, options.TimeProvider, disposed);
        }
        catch (OperationCanceledException)
        {
            // the next attempt sees it
        }
    }

    private void Close(LinkEnd end, ClosedReason reason)
    {
        Log.Closed(logger, reason, end.Reason);
        var code = reason switch
        {
            ClosedReason.SignedOut => ErrorCodes.Unauthorized,
            ClosedReason.Policy or ClosedReason.Forbidden => ErrorCodes.Forbidden,
            _ => ErrorCodes.Unavailable,
        };
        links.Close(new ChatException(code, end.Reason));
        setState(new ConnectionState(ConnectionStatus.Closed, Reason: end.Reason, ClosedReason: reason, CloseCode: end.CloseCode));
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Connected as {ConnectionId} to node {NodeId}")]
        public static partial void Connected(ILogger logger, string? connectionId, string? nodeId);

        [LoggerMessage(2, LogLevel.Information, "Not connected: {Reason} (close code {CloseCode}). Next attempt in {DelayMs} ms")]
        public static partial void Lost(ILogger logger, string reason, int? closeCode, long delayMs);

        [LoggerMessage(3, LogLevel.Warning, "Closed for good, {ClosedReason}: {Reason}")]
        public static partial void Closed(ILogger logger, ClosedReason closedReason, string reason);

        [LoggerMessage(4, LogLevel.Warning, "An attempt to connect failed")]
        public static partial void AttemptFailed(ILogger logger, Exception exception);

        [LoggerMessage(5, LogLevel.Error, "A task of the connection failed")]
        public static partial void WorkFailed(ILogger logger, Exception exception);
    }
}
