using System.Text.Json;
using System.Threading.Channels;
using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Tests.People;

/// <summary>What is published on a channel, in order.</summary>
internal sealed class Listener
{
    private readonly Channel<ChatEvent> _events = Channel.CreateUnbounded<ChatEvent>();

    public static async Task<Listener> OnAsync(IConnectionMultiplexer redis, string channel)
    {
        var listener = new Listener();
        var queue = await redis.GetSubscriber().SubscribeAsync(RedisChannel.Sharded(channel));
        queue.OnMessage(message => listener._events.Writer.TryWrite(JsonSerializer.Deserialize((byte[])message.Message!, ChatJson.Default.ChatEvent)!));
        return listener;
    }

    public async Task<ChatEvent> NextAsync(string expected, TimeSpan? within = null)
    {
        try
        {
            return await _events.Reader.ReadAsync().AsTask().WaitAsync(within ?? Until.Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Not published in time: {expected}.");
        }
    }

    /// <summary>What has come and was not taken yet.</summary>
    public List<ChatEvent> TakeAll()
    {
        var events = new List<ChatEvent>();
        while (_events.Reader.TryRead(out var one)) events.Add(one);
        return events;
    }
}
