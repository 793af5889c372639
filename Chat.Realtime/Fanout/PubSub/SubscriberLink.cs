using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Chat.Realtime.Redis;
using Chat.Realtime.Transport;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout.PubSub;

/// <summary>
/// One connection to one server, for subscriptions alone, from its opening to its end: it never opens again, its lane opens another one. Messages are handed on
/// by its reading loop, one after another; when <see cref="RunAsync"/> has completed, none is being handed on any more.
/// </summary>
internal sealed class SubscriberLink
{
    private enum Command
    {
        Authenticate,
        Name,
        Ping,
        Subscribe,
        Unsubscribe,
    }

    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan QuietBeforePing = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SilenceBeforeEnd = TimeSpan.FromSeconds(10);

    // Commands and the answers they await, in one order, under one lock. Both are bounded by the channels: each has a subscription under way, or an end.
    private readonly Lock _gate = new();
    private readonly Pipe _commands = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private readonly Queue<(Command Command, SubscribedChannel? Channel, long AskedAt)> _awaited = [];
    private readonly CancellationTokenSource _ended = new();
    private readonly ConfigurationOptions _options;
    private readonly SubscriberLane _lane;
    private readonly EventLoop? _loop;
    private readonly TimeProvider _time;
    private volatile string? _silence;
    private long _heardAt;

    public SubscriberLink(EndPoint server, ConfigurationOptions options, SubscriberLane lane, EventLoop? loop, TimeProvider time)
    {
        (Server, _options, _lane, _loop, _time) = (server, options, lane, loop, time);
        if (options.User is { Length: > 0 } user) Send(Command.Authenticate, null, "AUTH", user, options.Password ?? "");
        else if (options.Password is { Length: > 0 } password) Send(Command.Authenticate, null, "AUTH", password);
        if (options.ClientName is { Length: > 0 } name) Send(Command.Name, null, "CLIENT", "SETNAME", name);
    }

    public EndPoint Server { get; }

    /// <summary>Asks the server for the channel; the lane is told of its answer. May be called before the connection is open.</summary>
    public void Subscribe(SubscribedChannel channel) => Send(Command.Subscribe, channel, "SSUBSCRIBE", channel.Name);

    public void Unsubscribe(SubscribedChannel channel) => Send(Command.Unsubscribe, channel, "SUNSUBSCRIBE", channel.Name);

    /// <summary>Connects and listens until the connection or the lane ends; answers why it ended.</summary>
    public async Task<string> RunAsync(CancellationToken stopping)
    {
        using var stopped = stopping.UnsafeRegister(static ended => ((CancellationTokenSource)ended!).Cancel(), _ended);
        try
        {
            await using var stream = await RedisStream.OpenAsync(_options, Server, _loop, _time, _ended.Token);
            Volatile.Write(ref _heardAt, _time.GetTimestamp());
            await using var watch = _time.CreateTimer(static link => ((SubscriberLink)link!).Watch(), this, WatchInterval, WatchInterval);
            var writing = WriteAsync(stream);
            try
            {
                await ReadAsync(stream);
            }
            finally
            {
                await _ended.CancelAsync();
                await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            return "";
        }
        catch (Exception e) // whatever it is, the connection is gone, and its lane has to open another one
        {
            var reason = e switch
            {
                OperationCanceledException => _silence ?? "the connection was ended",
                FormatException => $"it does not speak as Redis does: {e.Message}",
                _ => e.Message,
            };
            return $"The subscriber connection to Redis at {Server} is lost: {reason}";
        }
    }

    private async Task ReadAsync(Stream stream)
    {
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 << 10, leaveOpen: true));
        try
        {
            while (true)
            {
                var read = await reader.ReadAsync(_ended.Token);
                Volatile.Write(ref _heardAt, _time.GetTimestamp());
                var buffer = read.Buffer;
                while (RespFrame.TryRead(ref buffer, out var frame)) Take(frame);
                reader.AdvanceTo(buffer.Start, read.Buffer.End);
                if (read.IsCompleted) throw new IOException("the server closed it");
            }
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private async Task WriteAsync(Stream stream)
    {
        try
        {
            while (true)
            {
                var read = await _commands.Reader.ReadAsync(_ended.Token);
                foreach (var part in read.Buffer) await stream.WriteAsync(part, _ended.Token);
                _commands.Reader.AdvanceTo(read.Buffer.End);
            }
        }
        finally
        {
            await _ended.CancelAsync(); // what cannot be written ends the reading too
            await _commands.Reader.CompleteAsync();
        }
    }

    private void Take(in RespFrame frame)
    {
        switch (frame.Kind)
        {
            case RespKind.Message:
                _lane.HandOn(this, frame.Channel, frame.Body);
                break;
            case RespKind.Unsubscribed when !Answers(Command.Unsubscribe, frame.Channel):
                _lane.Dropped(this, frame.Channel); // the server has ended it: its slot is elsewhere now
                break;
            case RespKind.Unsubscribed:
                Answered();
                break;
            case RespKind.Subscribed:
                if (Answered() is not (Command.Subscribe, { } subscribed)) throw new FormatException("a subscription that nobody asked for");
                _lane.Confirmed(this, subscribed);
                break;
            case RespKind.Done:
                Answered();
                break;
            case RespKind.Refused:
                Refused(Answered(), Encoding.UTF8.GetString(frame.Body));
                break;
        }
    }

    private void Refused((Command Command, SubscribedChannel? Channel) asked, string reason)
    {
        if (asked.Command == Command.Authenticate || reason.StartsWith("NOAUTH", StringComparison.Ordinal))
        {
            throw new RedisConnectionException(ConnectionFailureType.AuthenticationFailure, CommandFlags.None,
                $"it refused the credentials ({reason}): give the right user= and password= in ConnectionStrings:{RedisSubscribers.ConnectionName}");
        }
        if (asked is (Command.Subscribe, { } channel)) _lane.Refused(this, channel, $"Redis at {Server} refused the channel {channel.Name}: {reason}");
        // Without its name the connection works as well, and what cannot be unsubscribed is dropped when it arrives.
    }

    private bool Answers(Command command, in ReadOnlySequence<byte> channel)
    {
        lock (_gate)
        {
            return _awaited.TryPeek(out var first) && first.Command == command && channel.Length == Encoding.UTF8.GetByteCount(first.Channel!.Name)
                && Encoding.UTF8.GetString(channel) == first.Channel.Name;
        }
    }

    private (Command Command, SubscribedChannel? Channel) Answered()
    {
        lock (_gate)
        {
            return _awaited.TryDequeue(out var first) ? (first.Command, first.Channel) : throw new FormatException("an answer that nobody asked for");
        }
    }

    private void Send(Command command, SubscribedChannel? channel, params ReadOnlySpan<string> words)
    {
        lock (_gate)
        {
            if (_ended.IsCancellationRequested) return; // its lane is about to hear of it
            _awaited.Enqueue((command, channel, _time.GetTimestamp()));
            RespCommand.Write(_commands.Writer, words);
            // Completes at once: the pipe never pauses its writer.
            _ = _commands.Writer.FlushAsync(CancellationToken.None);
        }
    }

    private void Watch()
    {
        var quiet = _time.GetElapsedTime(Volatile.Read(ref _heardAt));
        TimeSpan unanswered;
        lock (_gate) unanswered = _awaited.TryPeek(out var first) ? _time.GetElapsedTime(first.AskedAt) : TimeSpan.Zero;
        if (quiet > SilenceBeforeEnd || unanswered > SilenceBeforeEnd)
        {
            _silence = $"no answer for {SilenceBeforeEnd.TotalSeconds} s";
            _ended.Cancel();
        }
        else if (quiet > QuietBeforePing && unanswered == TimeSpan.Zero)
        {
            Send(Command.Ping, null, "PING");
        }
    }
}
