using System.Threading.Channels;
using Chat.Client.Connecting;
using Chat.Client.Delivery;
using Chat.Contracts;
using Microsoft.Extensions.Logging;

namespace Chat.Client.Rooms;

/// <summary>
/// All subscriptions. What is subscribed stays so over reconnects: each new connection resumes every stream from its position.
/// Streams are changed under one lock, and what they deliver is posted under it, so the order of deliveries is that of the changes.
/// </summary>
internal sealed partial class RoomStreams(EventDelivery delivery, ChatClientOptions options, ReconnectDelay delays, ILogger logger)
{
    // Pipelined enough to hide the round trip, few enough to leave the server room for other commands of this connection.
    private const int ParallelResumes = 8;
    // Direct rooms followed without a subscription; those beyond it are delivered as they come.
    private const int MaxImplicit = 1_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, RoomStream> _rooms = [];
    private Channel<RoomStream> _toResume = Channel.CreateUnbounded<RoomStream>();
    private int _implicit;

    /// <summary>Registers a subscription that the caller is about to send; an earlier one of the room is replaced.</summary>
    public RoomStream Open(string roomId, long? sinceSeq, string? epoch)
    {
        lock (_gate)
        {
            Remove(roomId);
            return _rooms[roomId] = new RoomStream(roomId, sinceSeq, epoch, isImplicit: false, delivery);
        }
    }

    /// <summary>Forgets a subscription; later events of the room are dropped.</summary>
    public void Forget(string roomId)
    {
        lock (_gate) Remove(roomId);
    }

    /// <summary>Forgets a subscription, unless another one took its place.</summary>
    public bool Forget(RoomStream stream)
    {
        lock (_gate) return IsCurrent(stream) && Remove(stream.RoomId);
    }

    /// <summary>Takes the ack of a <c>subscribe</c>; on the reading task, before any later frame.</summary>
    public void Accept(RoomStream stream, ServerReply ack, bool resumed)
    {
        lock (_gate)
        {
            if (IsCurrent(stream) && stream.Accept(ack, resumed)) _toResume.Writer.TryWrite(stream);
        }
    }

    /// <summary>Takes an event from the socket.</summary>
    public void Receive(ChatEvent received)
    {
        lock (_gate)
        {
            if (received is { Seq: not null, RoomId: { } roomId }) ReceiveDurable(roomId, received);
            else ReceiveEphemeral(received);
        }
    }

    /// <summary>A new connection is about to be read: every established stream is due for a resume, and holds events until then.</summary>
    public void BeginConnection()
    {
        lock (_gate)
        {
            _toResume = Channel.CreateUnbounded<RoomStream>(); // bounded by the rooms: each is in it once
            foreach (var stream in _rooms.Values)
            {
                stream.BeginConnection();
                if (stream.IsEstablished) _toResume.Writer.TryWrite(stream);
            }
        }
    }

    /// <summary>Sends what is due until the connection ends.</summary>
    public Task ResumeAsync(ChatLink link, CancellationToken connectionEnded)
    {
        ChannelReader<RoomStream> due;
        lock (_gate) due = _toResume.Reader;
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = ParallelResumes, CancellationToken = connectionEnded };
        return Parallel.ForEachAsync(due.ReadAllAsync(connectionEnded), parallel, async (stream, ended) => await ResumeAsync(link, stream, ended));
    }

    private async Task ResumeAsync(ChatLink link, RoomStream stream, CancellationToken ended)
    {
        for (var attempt = 0; ; attempt++)
        {
            // The first resume goes out at once. One after a resume that did not close its hole, or that was put off, waits.
            if (stream.Holes > 1 || attempt > 0) await Task.Delay(delays.After(stream.Holes + attempt), options.TimeProvider, ended);
            var reply = await TryResumeAsync(link, stream, ended);
            if (reply is null) continue;
            if (reply.EventType != EventTypes.Error) return;
            if (reply.Code is not (ErrorCodes.RateLimited or ErrorCodes.Unavailable or ErrorCodes.Internal))
            {
                End(stream, reply.Code ?? ErrorCodes.Internal);
                return;
            }
            if (reply.RetryAfterMs is { } wait) await Task.Delay(TimeSpan.FromMilliseconds(wait), options.TimeProvider, ended);
        }
    }

    /// <returns>The answer; null when there was none, and the resume must be tried again.</returns>
    private async Task<ServerReply?> TryResumeAsync(ChatLink link, RoomStream stream, CancellationToken ended)
    {
        ClientCommand command;
        lock (_gate)
        {
            if (!IsCurrent(stream)) return new ServerReply { EventType = EventTypes.Ack };
            command = new ClientCommand { EventType = CommandTypes.Subscribe, RoomId = stream.RoomId, SinceSeq = stream.Position, Epoch = stream.Epoch };
        }
        using var timeout = new CancellationTokenSource(options.RequestTimeout, options.TimeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, ended);
        try
        {
            return await link.RequestAsync(command, reply => OnResumed(stream, reply), either.Token);
        }
        catch (OperationCanceledException) when (!ended.IsCancellationRequested)
        {
            Log.PutOff(logger, stream.RoomId, "no answer in time");
            return null;
        }
        catch (ChatException e) // this side has too many requests under way
        {
            Log.PutOff(logger, stream.RoomId, e.Message);
            return null;
        }
    }

    private void OnResumed(RoomStream stream, ServerReply reply)
    {
        if (reply.EventType != EventTypes.Error) Accept(stream, reply, resumed: true);
    }

    private void ReceiveDurable(string roomId, ChatEvent durable)
    {
        if (!_rooms.TryGetValue(roomId, out var stream))
        {
            // Left over from a subscription that has just ended.
            if (!RoomIds.IsDirect(roomId)) return;
            if (_implicit >= MaxImplicit)
            {
                delivery.Post(durable);
                return;
            }
            _implicit++;
            stream = _rooms[roomId] = new RoomStream(roomId, null, null, isImplicit: true, delivery);
        }
        if (stream.Offer(durable)) _toResume.Writer.TryWrite(stream);
    }

    private void ReceiveEphemeral(ChatEvent received)
    {
        delivery.Post(received);
        if (received.RoomId is not { } roomId || !_rooms.TryGetValue(roomId, out var stream)) return;
        if (received.EventType == EventTypes.Resync) stream.Reset(received.Epoch, received.HeadSeq ?? 0);
        else if (received.EventType == EventTypes.Unsubscribed) End(stream, received.Reason ?? EventTypes.Unsubscribed);
    }

    private void End(RoomStream stream, string reason)
    {
        lock (_gate)
        {
            if (Forget(stream) && !stream.IsImplicit) delivery.Post(new SubscriptionEnded(stream.RoomId, reason));
        }
    }

    private bool IsCurrent(RoomStream stream) => _rooms.TryGetValue(stream.RoomId, out var current) && current == stream;

    private bool Remove(string roomId)
    {
        if (!_rooms.Remove(roomId, out var removed)) return false;
        if (removed.IsImplicit) _implicit--;
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "The resume of room {RoomId} is put off: {Reason}")]
        public static partial void PutOff(ILogger logger, string roomId, string reason);
    }
}
