using System.Buffers;
using System.Net;
using System.Text;
using Chat.Realtime.Transport;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout.PubSub;

/// <summary>
/// A share of the channels and the links that bring them, one to each server that has some. Messages of one channel are handed on one after another, in the order
/// of their publication, also when the channel moves: it leaves a link on the link's own loop, or after that has ended. What loses its link is subscribed
/// again where the client library says the channel is now.
/// </summary>
internal sealed partial class SubscriberLane(IConnectionMultiplexer redis, ConfigurationOptions options, EventLoop? loop, Action restored, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    // Questions where a channel is, in flight at once.
    private const int BatchSize = 256;
    private const int LongestStackName = 256;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // Held for moments, never while a message is handled: its handler may subscribe and unsubscribe. A link's own lock may be taken under it, not the reverse.
    private readonly Lock _gate = new();
    private readonly Dictionary<string, SubscribedChannel> _channels = [];
    private readonly Dictionary<EndPoint, (SubscriberLink Link, Task Running)> _links = [];
    private HashSet<SubscribedChannel> _homeless = [];
    private readonly CancellationTokenSource _stopping = new();
    private Task _placing = Task.CompletedTask;
    private bool _isPlacing;
    private int _unconfirmed;
    private int _failedRounds;
    private string? _trouble;

    /// <summary>False while channels are lost, or cannot be subscribed.</summary>
    public bool IsConnected => Volatile.Read(ref _trouble) is null;

    /// <summary>Opens the connections before there are channels, to the servers that the client library is connected to.</summary>
    public void Open()
    {
        var servers = redis.GetServers().Where(server => server is { IsConnected: true, IsReplica: false }).Select(server => server.EndPoint);
        lock (_gate)
        {
            if (_stopping.IsCancellationRequested) return;
            foreach (var server in servers) LinkTo(server);
        }
    }

    /// <summary>Completes when the server has confirmed it.</summary>
    public async Task<ChannelSubscription> SubscribeAsync(string name, object listener, ChannelHandler handler)
    {
        ChannelSubscription subscription;
        Task confirmed;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
            if (!_channels.TryGetValue(name, out var channel))
            {
                channel = new SubscribedChannel(this, name);
                _channels.Add(name, channel);
                _unconfirmed++;
                Attach(channel, KnownHome(name));
            }
            subscription = new ChannelSubscription(channel, listener, handler) { Next = channel.First };
            channel.First = subscription;
            if (channel.IsConfirmed) return subscription;
            channel.Confirmation ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            confirmed = channel.Confirmation.Task;
        }
        try
        {
            await confirmed.WaitAsync(Patience, time);
            return subscription;
        }
        catch (TimeoutException)
        {
            var reason = Volatile.Read(ref _trouble); // before the channel goes, and what troubles it
            Unsubscribe(subscription);
            throw reason is { } trouble
                ? new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, trouble)
                : new TimeoutException($"Redis did not confirm the subscription of {name} within {Patience.TotalSeconds} s.");
        }
    }

    public void Unsubscribe(ChannelSubscription subscription)
    {
        var channel = subscription.Channel;
        Loss? restored = null;
        lock (_gate)
        {
            if (!Remove(subscription) || channel.First is not null) return;
            _channels.Remove(channel.Name);
            _homeless.Remove(channel);
            channel.Link?.Unsubscribe(channel);
            channel.Link = null;
            if (!channel.IsConfirmed) restored = Settle(channel);
        }
        Tell(restored);
    }

    /// <summary>A message arrived: called by a link's loop, and done when its handlers are.</summary>
    public void HandOn(SubscriberLink link, in ReadOnlySequence<byte> name, in ReadOnlySequence<byte> body)
    {
        var subscription = Find(link, name)?.First;
        if (subscription is null) return; // unsubscribed meanwhile
        var message = body.ToArray();
        for (; subscription is not null; subscription = subscription.Next)
        {
            try
            {
                subscription.Take(message);
            }
            catch (Exception e)
            {
                Log.NotHandled(logger, e, subscription.Channel.Name);
            }
        }
    }

    public void Confirmed(SubscriberLink link, SubscribedChannel channel)
    {
        Loss? restored;
        TaskCompletionSource? confirmation;
        lock (_gate)
        {
            if (channel.Link != link || channel.IsConfirmed) return;
            channel.IsConfirmed = true;
            (confirmation, channel.Confirmation) = (channel.Confirmation, null);
            restored = Settle(channel);
        }
        confirmation?.TrySetResult();
        Tell(restored);
    }

    /// <summary>The server does not take the subscription, as a rule since the channel is elsewhere.</summary>
    public void Refused(SubscriberLink link, SubscribedChannel channel, string reason)
    {
        lock (_gate)
        {
            if (channel.Link != link) return;
            _trouble = reason;
            Lose(channel, null);
        }
        Log.Refused(logger, reason);
    }

    /// <summary>The server has ended the subscription by itself.</summary>
    public void Dropped(SubscriberLink link, in ReadOnlySequence<byte> name)
    {
        if (Find(link, name) is not { } channel) return;
        lock (_gate)
        {
            // A subscription that is under way is answered yet.
            if (channel.Link == link && channel.IsConfirmed) Lose(channel, new Loss());
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        Task[] running;
        lock (_gate) running = [_placing, .. _links.Values.Select(link => link.Running)];
        await Task.WhenAll(running);
        _stopping.Dispose();
    }

    private SubscribedChannel? Find(SubscriberLink link, in ReadOnlySequence<byte> name)
    {
        var length = (int)name.Length;
        char[]? rented = null;
        var text = length <= LongestStackName ? stackalloc char[LongestStackName] : rented = ArrayPool<char>.Shared.Rent(length);
        try
        {
            text = text[..Encoding.UTF8.GetChars(name, text)];
            lock (_gate) return _channels.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out var channel) && channel.Link == link ? channel : null;
        }
        finally
        {
            if (rented is not null) ArrayPool<char>.Shared.Return(rented);
        }
    }

    private static bool Remove(ChannelSubscription subscription)
    {
        var channel = subscription.Channel;
        if (channel.First == subscription)
        {
            channel.First = subscription.Next;
            return true;
        }
        for (var before = channel.First; before is not null; before = before.Next)
        {
            if (before.Next != subscription) continue;
            before.Next = subscription.Next;
            return true;
        }
        return false;
    }

    // Under the lock: where the client library believes the channel to be, without asking; null when it has no connection there.
    private EndPoint? KnownHome(string name)
    {
        try
        {
            return redis.GetServer((RedisKey)name, flags: CommandFlags.DemandMaster).EndPoint;
        }
        catch (Exception e) when (e is InvalidOperationException or RedisException)
        {
            _trouble = $"Redis cannot be reached: {e.Message}";
            return null;
        }
    }

    // Under the lock. While there is trouble, connections are opened by the rounds alone, with their pauses.
    private void Attach(SubscribedChannel channel, EndPoint? server)
    {
        if (server is not null && (_trouble is null || _links.ContainsKey(server)))
        {
            Attach(channel, LinkTo(server));
            return;
        }
        _homeless.Add(channel);
        PlaceHomeless();
    }

    private static void Attach(SubscribedChannel channel, SubscriberLink link)
    {
        channel.Link = link;
        link.Subscribe(channel);
    }

    private SubscriberLink LinkTo(EndPoint server)
    {
        if (_links.TryGetValue(server, out var there)) return there.Link;
        var link = new SubscriberLink(server, options, this, loop, time);
        _links.Add(server, (link, Task.Run(() => RunAsync(link))));
        return link;
    }

    private async Task RunAsync(SubscriberLink link)
    {
        var reason = await link.RunAsync(_stopping.Token);
        var lost = 0;
        lock (_gate)
        {
            _links.Remove(link.Server);
            if (_stopping.IsCancellationRequested) return;
            var loss = new Loss();
            foreach (var channel in _channels.Values)
            {
                if (channel.Link != link) continue;
                Lose(channel, loss);
                lost++;
            }
            if (lost > 0) _trouble = reason;
        }
        Log.Lost(logger, reason, lost);
    }

    // Under the lock.
    private void Lose(SubscribedChannel channel, Loss? loss)
    {
        channel.Link = null;
        if (channel.IsConfirmed)
        {
            channel.IsConfirmed = false;
            _unconfirmed++;
            if (loss is not null)
            {
                channel.Loss = loss;
                loss.Missing++;
            }
        }
        _homeless.Add(channel);
        PlaceHomeless();
    }

    // Under the lock: one channel less is awaited. Answers what is restored by that.
    private Loss? Settle(SubscribedChannel channel)
    {
        if (--_unconfirmed == 0) (_trouble, _failedRounds) = (null, 0);
        var loss = channel.Loss;
        channel.Loss = null;
        return loss is not null && --loss.Missing == 0 ? loss : null;
    }

    private void Tell(Loss? loss)
    {
        if (loss is not null) restored();
    }

    // Under the lock.
    private void PlaceHomeless()
    {
        if (_isPlacing || _stopping.IsCancellationRequested) return;
        _isPlacing = true;
        _placing = Task.Run(PlaceAsync);
    }

    private async Task PlaceAsync()
    {
        while (true)
        {
            // Jitter, so that not all nodes come back in the same moment.
            var pause = Math.Min(LongestPause.TotalMilliseconds, ShortestPause.TotalMilliseconds * Math.Pow(2, Math.Min(_failedRounds, 10)));
            await Task.Delay(TimeSpan.FromMilliseconds(pause * (0.5 + Random.Shared.NextDouble() / 2)), time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            SubscribedChannel[] homeless;
            lock (_gate)
            {
                homeless = [.. _homeless];
                _homeless = []; // not cleared: after a loss it was as large as all channels
                if (homeless.Length == 0 || _stopping.IsCancellationRequested)
                {
                    _isPlacing = false;
                    return;
                }
                _failedRounds++;
            }
            foreach (var batch in homeless.Chunk(BatchSize)) await Task.WhenAll(batch.Select(PlaceAsync));
        }
    }

    // Asks, other than at the first attempt, since that is how the client library learns of a change.
    private async Task PlaceAsync(SubscribedChannel channel)
    {
        EndPoint? server = null;
        string? reason = null;
        try
        {
            server = await redis.GetDatabase().IdentifyEndpointAsync(channel.Name, CommandFlags.DemandMaster);
        }
        catch (Exception e) // whatever it is, the channel has no home yet and is asked for again
        {
            reason = $"Redis cannot be reached: {e.Message}";
        }
        lock (_gate)
        {
            if (channel.First is null || _stopping.IsCancellationRequested) return;
            if (server is not null)
            {
                Attach(channel, LinkTo(server));
                return;
            }
            _trouble = reason ?? $"no server has the channel {channel.Name}";
            _homeless.Add(channel);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1044, LogLevel.Warning, "{Reason} ({Channels} channels are subscribed again)")]
        public static partial void Lost(ILogger logger, string reason, int channels);

        [LoggerMessage(1045, LogLevel.Debug, "{Reason}")]
        public static partial void Refused(ILogger logger, string reason);

        [LoggerMessage(1046, LogLevel.Error, "A message of channel {Channel} was not handled")]
        public static partial void NotHandled(ILogger logger, Exception exception, string channel);
    }
}
