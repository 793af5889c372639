using System.Collections.Concurrent;
using Chat.Contracts;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;

namespace Chat.Realtime.Hub;

/// <summary>
/// Serves one <see cref="Connection"/> over a hub connection. What the connection has to say leaves in its order, replies too: nothing is written
/// after a reply until the hub has written that reply, so a subscription's events follow its ack as they do on a WebSocket.
/// </summary>
internal sealed partial class HubSession : IThreadPoolWorkItem, IAsyncDisposable
{
    /// <summary>The one client method.</summary>
    public const string Event = "event";

    private readonly Connection _connection;
    private readonly HubConnectionContext _hub;
    private readonly CommandLanes _lanes;
    private readonly NodeMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<long, Invocation> _invocations = new(); // bounded by the hub's own limit of parallel invocations
    private long _lastId;

    public HubSession(Connection connection, HubConnectionContext hub, CommandDispatcher dispatcher, NodeMetrics metrics, TimeProvider time, ILogger logger)
    {
        (_connection, _hub, _metrics, _time, _logger) = (connection, hub, metrics, time, logger);
        _lanes = new CommandLanes(connection, dispatcher);
    }

    public Connection Connection => _connection;

    /// <summary>Lets the connection write.</summary>
    public void Start() => _connection.Attach(this, _hub.Abort);

    /// <summary>Begins a command; commands of one room keep the order of the calls.</summary>
    /// <exception cref="HubException">The argument is no object.</exception>
    public Invocation Begin(string eventType, HubPayload? argument)
    {
        var id = Interlocked.Increment(ref _lastId);
        var frame = HubFrames.Command(eventType, id, argument);
        var invocation = new Invocation();
        _invocations[id] = invocation;
        if (_connection.IsClosing) Lose(id, invocation);
        else _lanes.Enter(frame.Span);
        return invocation;
    }

    public async ValueTask DisposeAsync()
    {
        var stopping = _lanes.StopAsync();
        foreach (var (id, invocation) in _invocations) Lose(id, invocation);
        await stopping;
    }

    /// <summary>The writer. The connection queues it when something waits, never twice at once.</summary>
    void IThreadPoolWorkItem.Execute() => _ = WriteAsync();

    // Never throws: a connection that cannot be written to is cut.
    private async Task WriteAsync()
    {
        try
        {
            while (_connection.TryTake(out var frame))
            {
                switch (frame.Kind)
                {
                    case FrameKind.Reply:
                        await WriteReplyAsync(frame.Payload);
                        break;
                    case FrameKind.Close:
                        var (code, reason) = _connection.ClosedWith!.Value;
                        await _hub.WriteAsync(new CloseMessage($"{code}: {reason}", allowReconnect: true), _hub.ConnectionAborted);
                        _hub.Abort();
                        break;
                    default:
                        await WriteEventAsync(frame.Payload);
                        _metrics.Delivered(1, frame.AcceptedAtMs, _time.GetUtcNow());
                        break;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            _hub.Abort();
        }
        catch (Exception e)
        {
            Log.WriterFailed(_logger, e, _connection.Id);
            _hub.Abort();
        }
    }

    private async Task WriteReplyAsync(ReadOnlyMemory<byte> frame)
    {
        var (id, fields, refusal) = HubFrames.Reply(frame);
        if (_invocations.TryRemove(id, out var invocation))
        {
            if (refusal is not null) invocation.Refuse(refusal);
            else invocation.Complete(fields!);
            await invocation.Written.WaitAsync(_hub.ConnectionAborted);
        }
        else
        {
            await WriteEventAsync(frame); // asked for by nobody: a hint to reconnect, for example
        }
    }

    private async Task WriteEventAsync(ReadOnlyMemory<byte> envelope) =>
        await _hub.WriteAsync(new InvocationMessage(Event, [new HubPayload(envelope)]), _hub.ConnectionAborted);

    private void Lose(long id, Invocation invocation)
    {
        if (_invocations.TryRemove(id, out _)) invocation.Refuse(new HubException($"{ErrorCodes.Unavailable}: The connection is closing."));
    }

    /// <summary>One call of a hub method.</summary>
    internal sealed class Invocation
    {
        private readonly TaskCompletionSource<HubPayload> _reply = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>The ack's fields; fails with the refusal as <see cref="HubException"/>.</summary>
        public Task<HubPayload> Reply => _reply.Task;

        /// <summary>Completes when the hub has handed the result to the transport.</summary>
        public Task Written => _written.Task;

        public void Complete(HubPayload fields) => _reply.TrySetResult(fields);

        public void Refuse(HubException refusal) => _reply.TrySetException(refusal);

        public void SetWritten() => _written.TrySetResult();
    }

    private static partial class Log
    {
        [LoggerMessage(1041, LogLevel.Error, "Writing to hub connection {ConnectionId} failed")]
        public static partial void WriterFailed(ILogger logger, Exception failure, string connectionId);
    }
}
