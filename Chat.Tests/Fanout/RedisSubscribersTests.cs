using System.Net;
using System.Threading.Channels;
using Chat.LoadTest.Faults;
using Chat.Realtime.Fanout.PubSub;
using Chat.Tests.Backends;
using Chat.Tests.People;
using StackExchange.Redis;

namespace Chat.Tests.Fanout;

/// <summary>What a node subscribes arrives, in order, and comes back after everything that may happen to its connections.</summary>
public sealed class RedisSubscribersTests(RedisFixture redis)
{
    [Fact]
    public async Task A_confirmed_subscription_gets_what_is_published_next()
    {
        await using var here = await Subscribing.StartAsync(await redis.GetConnectionStringAsync());
        var channel = Subscribing.Name();

        var (_, messages) = await here.ListenAsync(channel);

        Assert.Equal(1, await here.PublishAsync(channel, "first"));
        Assert.Equal("first", await Subscribing.NextAsync(messages));
        Assert.True(here.Subscribers.IsConnected);
    }

    [Fact]
    public async Task Connections_stand_before_the_first_subscription_which_uses_them()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var here = await Subscribing.StartAsync(server.ConnectionString);

        here.Subscribers.Open();
        var lanes = Math.Clamp(Environment.ProcessorCount / 2, 1, 8);
        await Until.TrueAsync(async () => (await SubscribersAsync(here)).Length == lanes, "a connection of each lane");
        var before = await SubscribersAsync(here);
        await here.ListenAsync(Subscribing.Name());

        Assert.Equal(before.Select(IdOf), (await SubscribersAsync(here)).Select(IdOf));
    }

    [Fact]
    public async Task Messages_of_a_channel_are_handled_in_the_order_of_their_publication()
    {
        await using var here = await Subscribing.StartAsync(await redis.GetConnectionStringAsync());
        var channel = Subscribing.Name();
        var (_, messages) = await here.ListenAsync(channel);

        foreach (var batch in Enumerable.Range(0, 10_000).Chunk(500))
            await Task.WhenAll(batch.Select(i => here.PublishAsync(channel, $"{i}{new string('x', i % 3_000)}")));

        for (var i = 0; i < 10_000; i++) Assert.Equal($"{i}", (await Subscribing.NextAsync(messages)).TrimEnd('x'));
    }

    [Fact]
    public async Task A_message_far_larger_than_a_buffer_arrives_whole()
    {
        await using var here = await Subscribing.StartAsync(await redis.GetConnectionStringAsync());
        var channel = Subscribing.Name();
        var (_, messages) = await here.ListenAsync(channel);
        var large = new string('x', 3 << 20);

        await here.PublishAsync(channel, large);

        Assert.Equal(large, await Subscribing.NextAsync(messages));
    }

    [Fact]
    public async Task The_channel_ends_with_its_last_listener_and_may_be_subscribed_again()
    {
        await using var here = await Subscribing.StartAsync(await redis.GetConnectionStringAsync());
        var channel = Subscribing.Name();
        var (one, left) = await here.ListenAsync(channel);
        var (other, stays) = await here.ListenAsync(channel);
        Assert.Equal(1, await here.ListenersAsync(channel));

        one.Unsubscribe();
        one.Unsubscribe(); // once more changes nothing
        await here.PublishAsync(channel, "to the other");

        Assert.Equal("to the other", await Subscribing.NextAsync(stays));
        Assert.False(left.TryRead(out _));
        other.Unsubscribe();
        await Until.TrueAsync(async () => await here.ListenersAsync(channel) == 0, "nobody listening");
        var (_, again) = await here.ListenAsync(channel);
        await here.PublishAsync(channel, "again");
        Assert.Equal("again", await Subscribing.NextAsync(again));
    }

    [Fact]
    public async Task A_channel_that_is_left_and_entered_in_one_go_is_subscribed_in_the_end()
    {
        await using var here = await Subscribing.StartAsync(await redis.GetConnectionStringAsync());
        var channel = Subscribing.Name();
        for (var i = 0; i < 200; i++) (await here.ListenAsync(channel)).Subscription.Unsubscribe();

        var (_, messages) = await here.ListenAsync(channel);

        Assert.Equal(1, await here.PublishAsync(channel, "still"));
        Assert.Equal("still", await Subscribing.NextAsync(messages));
    }

    [Fact]
    public async Task Each_of_thousands_of_channels_gets_its_own_messages()
    {
        await using var here = await Subscribing.StartAsync(await redis.GetConnectionStringAsync());
        var channels = Enumerable.Range(0, 5_000).Select(_ => Subscribing.Name()).ToArray();
        var listening = new List<ChannelReader<string>>();
        foreach (var batch in channels.Chunk(250)) listening.AddRange((await Task.WhenAll(batch.Select(here.ListenAsync))).Select(one => one.Messages));

        foreach (var batch in channels.Chunk(250)) await Task.WhenAll(batch.Select(channel => here.PublishAsync(channel, channel)));

        for (var i = 0; i < channels.Length; i++) Assert.Equal(channels[i], await Subscribing.NextAsync(listening[i]));
    }

    [Fact]
    public async Task A_handler_may_subscribe_and_unsubscribe()
    {
        await using var here = await Subscribing.StartAsync(await redis.GetConnectionStringAsync());
        var (first, second) = (Subscribing.Name(), Subscribing.Name());
        ChannelSubscription? own = null;
        var follow = new TaskCompletionSource<Task<(ChannelSubscription, ChannelReader<string>)>>();
        own = await here.Subscribers.SubscribeAsync(first, follow, (_, _) =>
        {
            own!.Unsubscribe();
            follow.TrySetResult(here.ListenAsync(second));
        });

        await here.PublishAsync(first, "go on");

        var (_, messages) = await (await follow.Task.WaitAsync(Until.Patience)).WaitAsync(Until.Patience);
        await here.PublishAsync(second, "here");
        Assert.Equal("here", await Subscribing.NextAsync(messages));
        await Until.TrueAsync(async () => await here.ListenersAsync(first) == 0, "the first channel left");
    }

    [Fact]
    public async Task A_handler_that_throws_does_not_keep_the_next_message_from_the_others()
    {
        await using var here = await Subscribing.StartAsync(await redis.GetConnectionStringAsync());
        var channel = Subscribing.Name();
        var (_, messages) = await here.ListenAsync(channel);
        await here.Subscribers.SubscribeAsync(channel, here, (_, _) => throw new InvalidOperationException("of the test"));

        foreach (var message in new[] { "one", "two" }) await here.PublishAsync(channel, message);

        foreach (var message in new[] { "one", "two" }) Assert.Equal(message, await Subscribing.NextAsync(messages));
    }

    [Fact]
    public async Task All_channels_are_subscribed_again_when_the_server_was_killed_and_is_back()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var here = await Subscribing.StartAsync(server.ConnectionString);
        var channels = Enumerable.Range(0, 500).Select(_ => Subscribing.Name()).ToArray();
        var listening = await Task.WhenAll(channels.Select(here.ListenAsync));

        await server.KillAsync();
        await Until.TrueAsync(() => !here.Subscribers.IsConnected, "the loss noticed");
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => here.ListenAsync(Subscribing.Name()));
        Assert.True(failure is RedisException or TimeoutException, failure.ToString());
        await server.StartAsync();
        await here.RestoredAsync();

        Assert.True(here.Subscribers.IsConnected);
        await Until.TrueAsync(() => here.Publisher.IsConnected, "the publisher back");
        foreach (var channel in channels) Assert.Equal(1, await here.PublishAsync(channel, channel));
        for (var i = 0; i < channels.Length; i++) Assert.Equal(channels[i], await Subscribing.NextAsync(listening[i].Messages));
        await here.ListenInTheEndAsync(Subscribing.Name());
    }

    [Fact]
    public async Task A_killed_connection_is_replaced()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var here = await Subscribing.StartAsync(server.ConnectionString);
        var channel = Subscribing.Name();
        var (_, messages) = await here.ListenAsync(channel);

        Assert.Equal(1, (long)await here.Publisher.GetDatabase().ExecuteAsync("CLIENT", "KILL", "ID", await SubscribersIdAsync(here)));
        await here.RestoredAsync();

        Assert.Equal(1, await here.PublishAsync(channel, "back"));
        Assert.Equal("back", await Subscribing.NextAsync(messages));
    }

    [Fact]
    public async Task A_connection_that_falls_silent_is_replaced()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var proxy = new FaultProxy("redis", new IPEndPoint(IPAddress.Loopback, server.Port));
        await using var here = await Subscribing.StartAsync(server.ConnectionString, proxy.Address);
        var channel = Subscribing.Name();
        var (_, messages) = await here.ListenAsync(channel);

        // Nobody ends the connection: the subscribers find out by themselves.
        proxy.Set(LinkState.HalfOpen);
        await Until.TrueAsync(() => !here.Subscribers.IsConnected, "the silence noticed");
        proxy.Set(LinkState.Open);
        await here.RestoredAsync();

        Assert.Equal(1, await here.PublishAsync(channel, "heard"));
        Assert.Equal("heard", await Subscribing.NextAsync(messages));
    }

    [Fact]
    public async Task A_quiet_connection_stays()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var here = await Subscribing.StartAsync(server.ConnectionString);
        var channel = Subscribing.Name();
        var (_, messages) = await here.ListenAsync(channel);
        var before = await SubscribersIdAsync(here);

        await Until.TrueAsync(async () => (await SubscriberAsync(here)).Contains(" cmd=ping ", StringComparison.Ordinal), "a ping");
        await here.PublishAsync(channel, "after the ping");

        Assert.Equal("after the ping", await Subscribing.NextAsync(messages));
        Assert.Equal(before, await SubscribersIdAsync(here));
    }

    [Fact]
    public async Task A_connection_that_brings_nonsense_is_replaced()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var proxy = new InjectingProxy(server.Port, "SSUBSCRIBE");
        await using var here = await Subscribing.StartAsync(server.ConnectionString, proxy.Address);
        var channel = Subscribing.Name();
        var (_, messages) = await here.ListenAsync(channel);

        await proxy.InjectAsync("HTTP/1.1 400 Bad Request\r\n\r\n");
        await here.RestoredAsync();

        Assert.Equal(1, await here.PublishAsync(channel, "sense"));
        Assert.Equal("sense", await Subscribing.NextAsync(messages));
    }

    [Fact]
    public async Task Wrong_credentials_are_told_with_what_to_do()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var here = await Subscribing.StartAsync(server.ConnectionString, subscribersConnectionString: $"127.0.0.1:{server.Port},password=wrong");

        var failure = await Assert.ThrowsAsync<RedisConnectionException>(() => here.ListenAsync(Subscribing.Name()));

        Assert.Contains("password= in ConnectionStrings:redis", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong,", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_with_a_password_of_its_own_may_subscribe()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using (var admin = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString))
            await admin.GetDatabase().ExecuteAsync("ACL", "SETUSER", "listener", "on", ">secret", "&*", "+ssubscribe", "+ping");
        await using var here = await Subscribing.StartAsync(server.ConnectionString, subscribersConnectionString: $"127.0.0.1:{server.Port},user=listener,password=secret");
        var channel = Subscribing.Name();

        var (_, messages) = await here.ListenAsync(channel);

        await here.PublishAsync(channel, "to the listener");
        Assert.Equal("to the listener", await Subscribing.NextAsync(messages));
    }

    [Fact]
    public async Task A_channel_that_the_server_refuses_fails_alone_and_says_why()
    {
        await using var server = await RedisFixture.StartServerAsync();
        var (allowed, refused) = (Subscribing.Name(), Subscribing.Name());
        await using (var admin = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString))
            await admin.GetDatabase().ExecuteAsync("ACL", "SETUSER", "listener", "on", ">secret", $"&{allowed}", "+ssubscribe", "+sunsubscribe", "+ping");
        await using var here = await Subscribing.StartAsync(server.ConnectionString, subscribersConnectionString: $"127.0.0.1:{server.Port},user=listener,password=secret");
        var (_, messages) = await here.ListenAsync(allowed);

        var failure = await Assert.ThrowsAsync<RedisConnectionException>(() => here.ListenAsync(refused));

        Assert.Contains("NOPERM", failure.Message, StringComparison.Ordinal);
        Assert.True(here.Subscribers.IsConnected);
        await here.PublishAsync(allowed, "still here");
        Assert.Equal("still here", await Subscribing.NextAsync(messages));
    }

    private static async Task<string[]> SubscribersAsync(Subscribing here) =>
        [.. ((string)(await here.Publisher.GetDatabase().ExecuteAsync("CLIENT", "LIST"))!).Split('\n')
            .Where(client => client.Contains(" name=chat-realtime-durable ", StringComparison.Ordinal))];

    private static async Task<string> SubscriberAsync(Subscribing here) => (await SubscribersAsync(here))[0];

    private static string IdOf(string client) => client.Split(' ')[0]["id=".Length..];

    private static async Task<string> SubscribersIdAsync(Subscribing here) => IdOf(await SubscriberAsync(here));
}
