using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Chat.LocalKafka.Protocol;
using Microsoft.Extensions.Logging;

namespace Chat.LocalKafka.Server;

/// <summary>
/// One client connection. Answers leave in the order of their requests. Produces may be in flight together, up to a bound, so that
/// they share a flush; any other request begins when all before it have been answered, as on a Kafka broker.
/// Bytes that are not the protocol close this connection and touch nothing else.
/// </summary>
internal sealed partial class Connection
{
    /// <summary>More than any client's max.in.flight; beyond it the socket is not read.</summary>
    private const int MaxInFlight = 32;

    private const int LengthPrefix = 4;

    private static readonly TimeSpan LastAnswersWithin = TimeSpan.FromSeconds(1);

    /// <summary>What is believed of a length before its bytes have come: small, so that 2,000 liars take 8 MiB.</summary>
    private const int FirstChunkBytes = 4 * 1024;

    private const int ChunkGrowth = 4;

    /// <summary>Read at once with what is asked for: a length and most requests come with one call.</summary>
    private const int AheadBytes = 2 * 1024;

    private readonly Socket _socket;
    private readonly RequestDispatcher _dispatcher;
    private readonly MemoryBudget _memory;
    private readonly int _maxFrameBytes;
    private readonly ILogger _log;
    private readonly string _clientHost;
    /// <summary>Never disposed: others may abort the connection at any moment, and without a timer there is nothing to free.</summary>
    private readonly CancellationTokenSource _closed = new();
    private readonly CancellationTokenSource _reading;
    private readonly Channel<PendingAnswer> _pending = Channel.CreateBounded<PendingAnswer>(
        // A request that has begun is waited for on the thread that began it: to wake another one for that would cost more.
        new BoundedChannelOptions(MaxInFlight) { SingleReader = true, SingleWriter = true, AllowSynchronousContinuations = true });
    private readonly byte[] _ahead = new byte[AheadBytes];
    private Memory<byte> _received; // of _ahead, not taken yet
    private long _lastProgress = Environment.TickCount64;
    private ApiKey _lastKey = ApiKey.ApiVersions;
    private int _inFlight;
    private volatile bool _insideFrame;
    private volatile bool _sending;
    private TaskCompletionSource? _idle;

    public Connection(Socket socket, RequestDispatcher dispatcher, MemoryBudget memory, int maxFrameBytes, ILogger log)
    {
        _socket = socket;
        _socket.NoDelay = true;
        _dispatcher = dispatcher;
        _memory = memory;
        _maxFrameBytes = maxFrameBytes;
        _log = log;
        _clientHost = DescribePeer(socket);
        _reading = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token);
    }

    /// <summary>Milliseconds (of the system's uptime) of the last byte that moved.</summary>
    public long LastProgress => Volatile.Read(ref _lastProgress);

    /// <summary>Whether bytes are owed by either side: silence now is a stall, otherwise it is idleness.</summary>
    public bool IsBusy => _insideFrame || _sending;

    /// <summary>Serves the connection until it ends.</summary>
    public async Task RunAsync()
    {
        var answering = AnswerAsync();
        try
        {
            await ReceiveAsync();
        }
        catch (MalformedRequestException malformed)
        {
            Log.Malformed(_log, _clientHost, malformed.Message);
            await FinishAsync(answering);
        }
        catch (OperationCanceledException) when (!_closed.IsCancellationRequested)
        {
            await FinishAsync(answering); // The broker stops.
        }
        catch (Exception ended) when (ended is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            Log.Ended(_log, _clientHost, ended.Message);
        }
        finally
        {
            _pending.Writer.TryComplete();
            await _closed.CancelAsync();
            await answering;
            _socket.Dispose();
        }
    }

    /// <summary>Takes no further request, answers those that have begun and ends the connection, within <see cref="LastAnswersWithin"/>.</summary>
    public void StopReading() => _reading.Cancel();

    /// <summary>Cuts the connection; what it waits for is given up.</summary>
    public void Abort()
    {
        _closed.Cancel();
        _socket.Dispose();
    }

    private async Task FinishAsync(Task answering)
    {
        _pending.Writer.TryComplete();
        await Task.WhenAny(answering, Task.Delay(LastAnswersWithin, _closed.Token));
    }

    private async Task ReceiveAsync()
    {
        var prefix = new byte[LengthPrefix];
        while (await FillAsync(prefix, mayEnd: true))
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(prefix);
            if (length < RequestDispatcher.SmallestRequest || length > _maxFrameBytes)
                throw new MalformedRequestException($"A request of {length} bytes: at least {RequestDispatcher.SmallestRequest} and at most {_maxFrameBytes} are allowed.");
            _insideFrame = true;
            var frame = await ReceiveFrameAsync(length);
            _insideFrame = false;
            await StartAsync(frame);
        }
    }

    private async Task<RequestFrame> ReceiveFrameAsync(int length)
    {
        var believed = Math.Min(length, FirstChunkBytes);
        var lease = await _memory.TakeAsync(believed, _reading.Token);
        var buffer = ArrayPool<byte>.Shared.Rent(believed);
        try
        {
            for (var filled = 0; ;)
            {
                await FillAsync(buffer.AsMemory(filled, believed - filled), mayEnd: false);
                filled = believed;
                if (filled == length)
                    break;
                // The bytes so far have really come: believe in some more.
                believed = (int)Math.Min(length, (long)filled * ChunkGrowth);
                await lease.GrowAsync(believed - filled, _reading.Token);
                if (buffer.Length >= believed)
                    continue;
                var larger = ArrayPool<byte>.Shared.Rent(believed);
                buffer.AsSpan(0, filled).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
            }

            return new RequestFrame(buffer, length, lease);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            lease.Dispose();
            throw;
        }
    }

    /// <summary>False when the client has ended the connection between two requests.</summary>
    private async ValueTask<bool> FillAsync(Memory<byte> buffer, bool mayEnd)
    {
        // What was read ahead is not begun any more.
        _reading.Token.ThrowIfCancellationRequested();
        Volatile.Write(ref _lastProgress, Environment.TickCount64);
        for (var filled = Take(buffer.Span); filled < buffer.Length;)
        {
            var isLarge = buffer.Length - filled >= AheadBytes;
            var count = await _socket.ReceiveAsync(isLarge ? buffer[filled..] : _ahead, SocketFlags.None, _reading.Token);
            if (count == 0)
                return mayEnd && filled == 0 ? false : throw new MalformedRequestException("The connection ended within a request.");
            Volatile.Write(ref _lastProgress, Environment.TickCount64);
            if (!isLarge)
            {
                _received = _ahead.AsMemory(0, count);
                count = Take(buffer.Span[filled..]);
            }

            filled += count;
        }

        return true;
    }

    private int Take(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _received.Length);
        _received.Span[..count].CopyTo(buffer);
        _received = _received[count..];
        return count;
    }

    private async Task StartAsync(RequestFrame frame)
    {
        PendingAnswer pending;
        try
        {
            var request = _dispatcher.ReadHeader(frame.Memory, _clientHost, _closed.Token, out var api);
            if (request.Key != ApiKey.Produce || _lastKey != ApiKey.Produce)
                await AllAnsweredAsync();
            _lastKey = request.Key;
            pending = _dispatcher.Start(request, api, frame);
        }
        catch
        {
            frame.Dispose();
            throw;
        }

        Interlocked.Increment(ref _inFlight);
        if (!_pending.Writer.TryWrite(pending))
            await _pending.Writer.WriteAsync(pending);
    }

    private Task AllAnsweredAsync()
    {
        if (Volatile.Read(ref _inFlight) == 0)
            return Task.CompletedTask;
        var idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _idle, idle);
        if (Volatile.Read(ref _inFlight) == 0)
            idle.TrySetResult();
        return idle.Task.WaitAsync(_reading.Token);
    }

    private async Task AnswerAsync()
    {
        await foreach (var pending in _pending.Reader.ReadAllAsync())
        {
            using (pending)
            {
                try
                {
                    await pending.Completion;
                    if (!pending.Request.NoAnswer)
                        await SendAsync(pending.Answer.FinishFrame());
                }
                catch (MalformedRequestException malformed)
                {
                    Log.Malformed(_log, _clientHost, malformed.Message);
                    Abort();
                }
                catch (Exception ended) when (ended is SocketException or OperationCanceledException or ObjectDisposedException)
                {
                    Log.Ended(_log, _clientHost, ended.Message);
                    Abort();
                }
                catch (Exception failure)
                {
                    // Our fault: the client reconnects, and the log says what happened.
                    Log.Failed(_log, failure, pending.Request.Key, pending.Request.Version);
                    Abort();
                }
            }

            if (Interlocked.Decrement(ref _inFlight) == 0)
                Volatile.Read(ref _idle)?.TrySetResult();
        }
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        _sending = true;
        Volatile.Write(ref _lastProgress, Environment.TickCount64);
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, _closed.Token)..];
            Volatile.Write(ref _lastProgress, Environment.TickCount64);
        }

        _sending = false;
    }

    /// <summary>As Kafka shows clients: a slash and the address.</summary>
    private static string DescribePeer(Socket socket)
    {
        if (socket.RemoteEndPoint is not IPEndPoint { Address: var address })
            return "/unknown";
        return "/" + (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
    }

    private static partial class Log
    {
        [LoggerMessage(300, LogLevel.Debug, "Closed a connection from {Client}: {Reason}")]
        public static partial void Malformed(ILogger logger, string client, string reason);

        [LoggerMessage(301, LogLevel.Debug, "The connection from {Client} ended: {Reason}")]
        public static partial void Ended(ILogger logger, string client, string reason);

        [LoggerMessage(302, LogLevel.Error, "A {Api} request of version {Version} failed; its connection is closed.")]
        public static partial void Failed(ILogger logger, Exception failure, ApiKey api, short version);
    }
}
