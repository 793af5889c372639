using System.Net;
using System.Text;
using System.Threading.Channels;
using Chat.Realtime.Fanout;
using Chat.Realtime.Fanout.PubSub;
using Chat.Realtime.Transport;
using Chat.Tests.People;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Chat.Tests.Fanout;

/// <summary>A node's subscribers on a Redis, and one that publishes there.</summary>
internal sealed class Subscribing : IAsyncDisposable
{
    private readonly EventLoop _loop = new(NullLogger<EventLoop>.Instance);
    private readonly Channel<bool> _restored = Channel.CreateBounded<bool>(new BoundedChannelOptions(100) { FullMode = BoundedChannelFullMode.DropWrite });

    private Subscribing(string connectionString, string? subscribersConnectionString, ConnectionMultiplexer redis, ConnectionMultiplexer publisher)
    {
        (Redis, Publisher) = (redis, publisher);
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("ConnectionStrings:redis", subscribersConnectionString ?? connectionString)])
            .Build();
        Subscribers = new RedisSubscribers(configuration, redis, _loop, TimeProvider.System, NullLogger<RedisSubscribers>.Instance);
        Subscribers.Restored += () => _restored.Writer.TryWrite(true);
    }

    public RedisSubscribers Subscribers { get; }

    public ConnectionMultiplexer Redis { get; }

    /// <summary>Straight to the server, whatever is between it and the subscribers.</summary>
    public ConnectionMultiplexer Publisher { get; }

    /// <param name="connectionString">Of the server.</param>
    /// <param name="through">Where the node reaches the server; its own address unless given.</param>
    /// <param name="subscribersConnectionString">What the subscribers alone are told.</param>
    public static async Task<Subscribing> StartAsync(string connectionString, Uri? through = null, string? subscribersConnectionString = null)
    {
        var nodes = ConfigurationOptions.Parse(connectionString);
        if (through is not null)
        {
            nodes.EndPoints.Clear();
            nodes.EndPoints.Add(IPAddress.Loopback, through.Port);
        }
        var text = nodes.ToString(includePassword: true);
        RedisSubscribers.FailFast(nodes);
        var publishers = ConfigurationOptions.Parse(connectionString);
        publishers.AbortOnConnectFail = false;
        publishers.AllowAdmin = true;
        publishers.ReconnectRetryPolicy = new ExponentialRetry(100, 1_000);
        return new Subscribing(text, subscribersConnectionString, await ConnectionMultiplexer.ConnectAsync(nodes), await ConnectionMultiplexer.ConnectAsync(publishers));
    }

    public static string Name() => $"room:{{{Guid.NewGuid():N}}}";

    /// <summary>Subscribes; the messages come out of the reader.</summary>
    public async Task<(ChannelSubscription Subscription, ChannelReader<string> Messages)> ListenAsync(string channel)
    {
        var messages = Channel.CreateUnbounded<string>();
        return (await Subscribers.SubscribeAsync(channel, messages.Writer, static (writer, message) => ((ChannelWriter<string>)writer).TryWrite(Encoding.UTF8.GetString(message.Span))), messages.Reader);
    }

    /// <summary>As <see cref="ListenAsync"/>, again and again while Redis cannot be reached, as callers do.</summary>
    public async Task<ChannelReader<string>> ListenInTheEndAsync(string channel)
    {
        ChannelReader<string>? messages = null;
        await Until.TrueAsync(async () =>
        {
            try
            {
                messages = (await ListenAsync(channel)).Messages;
                return true;
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                return false;
            }
        }, $"a subscription of {channel}");
        return messages!;
    }

    /// <summary>Answers how many connections got it.</summary>
    public Task<long> PublishAsync(string channel, string message) => Publisher.GetSubscriber().PublishAsync(RedisChannel.Sharded(channel), message);

    /// <summary>Connections that have subscribed the channel.</summary>
    public async Task<long> ListenersAsync(string channel) =>
        (long)((RedisResult[])(await Publisher.GetDatabase().ExecuteAsync("PUBSUB", "SHARDNUMSUB", channel))!)[1];

    public async Task RestoredAsync()
    {
        try
        {
            await _restored.Reader.ReadAsync().AsTask().WaitAsync(Until.Patience);
        }
        catch (TimeoutException)
        {
            Assert.Fail("The lost channels were not told to be restored.");
        }
    }

    public static async Task<string> NextAsync(ChannelReader<string> messages) => await messages.ReadAsync().AsTask().WaitAsync(Until.Patience);

    public async ValueTask DisposeAsync()
    {
        await Subscribers.DisposeAsync();
        await Redis.DisposeAsync();
        await Publisher.DisposeAsync();
        _loop.Dispose();
    }
}
