using Chat.Client.Connecting;
using Chat.Contracts;
using Chat.Contracts.Api;
using Microsoft.Extensions.Logging;

namespace Chat.Client.Sending;

/// <summary>
/// Messages that are not acknowledged yet. Each is sent, over as many connections as it takes and always with the same
/// <c>client_id</c>, until it is acknowledged, refused or given up. Per room (or recipient) one is under way at a time: the next one
/// goes out after it, so a message that must be repeated is never overtaken.
/// </summary>
internal sealed partial class Outbox(CurrentLink links, ChatClientOptions options, ReconnectDelay delays, ILogger logger)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Lane> _lanes = [];
    private int _count;

    /// <returns>The receipt, when the message is durable.</returns>
    /// <exception cref="ChatException">Refused, the outbox is full, or the connection was closed for good.</exception>
    public Task<SendReceipt> SendAsync(ClientCommand command, Action<SendProgress>? progress, CancellationToken cancellationToken)
    {
        MessageRules.Check(command);
        cancellationToken.ThrowIfCancellationRequested();
        var send = new PendingSend(command, progress, cancellationToken);
        var key = command.RoomId is { } room ? $"r:{room}" : $"u:{command.UserId}";
        lock (_gate)
        {
            if (_count >= options.MaxPendingSends)
                throw new ChatException(ErrorCodes.Unavailable, $"{options.MaxPendingSends} messages are waiting already.");
            _count++;
        }
        Report(send, SendStage.Queued);
        lock (_gate)
        {
            if (_lanes.TryGetValue(key, out var lane))
            {
                lane.Waiting.Enqueue(send);
            }
            else
            {
                lane = _lanes[key] = new Lane();
                lane.Waiting.Enqueue(send);
                lane.Running = Task.Run(() => RunAsync(key, lane), CancellationToken.None);
            }
        }
        return send.Receipt.WaitAsync(cancellationToken);
    }

    /// <summary>Waits for the lanes to end; they do when <see cref="CurrentLink"/> is closed.</summary>
    public async Task EndAsync()
    {
        Task[] running;
        lock (_gate) running = [.. _lanes.Values.Select(lane => lane.Running)];
        await Task.WhenAll(running);
    }

    private async Task RunAsync(string key, Lane lane)
    {
        while (true)
        {
            PendingSend send;
            lock (_gate)
            {
                if (!lane.Waiting.TryPeek(out send!))
                {
                    _lanes.Remove(key);
                    return;
                }
            }
            await DeliverAsync(send);
            lock (_gate)
            {
                lane.Waiting.Dequeue();
                _count--;
            }
        }
    }

    /// <summary>Ends with the message acknowledged, refused or given up; never throws.</summary>
    private async Task DeliverAsync(PendingSend send)
    {
        try
        {
            for (var attempt = 0; ; attempt++)
            {
                if (await TryAsync(send) is not { } refusal) return;
                await WaitAsync(send, refusal, attempt);
            }
        }
        catch (OperationCanceledException)
        {
            send.GiveUp();
        }
        catch (Exception e) // the caller gets it; the lane goes on with the next message
        {
            send.Refuse(e);
        }
    }

    /// <returns>Null when the message has ended; else why it must be repeated.</returns>
    private async Task<ChatException?> TryAsync(PendingSend send)
    {
        while (true)
        {
            var link = await links.WaitAsync(send.GivenUp);
            using var timeout = new CancellationTokenSource(options.RequestTimeout, options.TimeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, send.GivenUp);
            Report(send, SendStage.Sent);
            try
            {
                var reply = await link.RequestAsync(send.Command, onReply: null, either.Token);
                if (reply.EventType != EventTypes.Error)
                {
                    send.Acknowledge(reply);
                    return null;
                }
                var refusal = Requests.RefusalOf(reply);
                if (refusal.Code is ErrorCodes.RateLimited or ErrorCodes.Unavailable) return refusal;
                send.Refuse(refusal);
                return null;
            }
            catch (ConnectionLostException)
            {
                links.Abandon(link);
                Report(send, SendStage.Queued);
            }
            catch (OperationCanceledException) when (!send.GivenUp.IsCancellationRequested)
            {
                return new ChatException(ErrorCodes.Unavailable, "No ack in time.");
            }
        }
    }

    private async Task WaitAsync(PendingSend send, ChatException refusal, int attempt)
    {
        var jitter = delays.After(attempt);
        var wait = refusal.RetryAfterMs is { } ms ? TimeSpan.FromMilliseconds(ms) + jitter / 4 : jitter;
        Report(send, SendStage.Waiting, refusal.Code, options.TimeProvider.GetUtcNow() + wait);
        Log.Repeats(logger, send.Command.ClientId!, refusal.Code, (long)wait.TotalMilliseconds);
        await Task.Delay(wait, options.TimeProvider, send.GivenUp);
    }

    private void Report(PendingSend send, SendStage stage, string? code = null, DateTimeOffset? retryAt = null)
    {
        try
        {
            send.Report(stage, code, retryAt);
        }
        catch (Exception e) // the caller's own callback must not lose its message
        {
            Log.ProgressFailed(logger, e);
        }
    }

    private sealed class Lane
    {
        public Queue<PendingSend> Waiting { get; } = new();
        public Task Running { get; set; } = Task.CompletedTask;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "Message {ClientId} is repeated in {DelayMs} ms: {Code}")]
        public static partial void Repeats(ILogger logger, string clientId, string code, long delayMs);

        [LoggerMessage(2, LogLevel.Error, "A progress callback failed")]
        public static partial void ProgressFailed(ILogger logger, Exception exception);
    }
}
