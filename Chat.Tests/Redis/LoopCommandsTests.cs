using System.Net;
using System.Net.Sockets;
using Chat.Data;
using Chat.Realtime.Fanout;
using Chat.Realtime.Limits;
using Chat.Realtime.Redis;
using Chat.Realtime.Transport;
using Chat.Tests.Backends;
using Chat.Tests.People;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace Chat.Tests.Redis;

/// <summary>Commands over the node's own connections against a real Redis: each gets its own reply, and whatever happens to a connection, callers are told and the next ones served.</summary>
public sealed class LoopCommandsTests(RedisFixture redis) : IDisposable
{
    private readonly EventLoop _loop = new(NullLogger<EventLoop>.Instance);

    public void Dispose() => _loop.Dispose();

    [Fact]
    public async Task Each_of_manyCommands_at_once_gets_its_own_reply()
    {
        await using var here = await Here.StartAsync(await redis.CreateDatabaseAsync(), _loop);
        await here.LinkedAsync();
        var keys = Enumerable.Range(0, 2_000).Select(i => $"{here.Prefix}{i}").ToList();
        await Task.WhenAll(keys.Select((key, i) => here.RunAsync("SET", key, $"{i}{new string('x', i % 500)}")));

        var replies = await Task.WhenAll(keys.Select(key => here.RunAsync("GET", key)));

        Assert.Equal(Enumerable.Range(0, 2_000).Select(i => $"{i}{new string('x', i % 500)}"), replies.Select(reply => (string?)reply));
    }

    [Fact]
    public async Task A_value_far_larger_than_the_buffers_of_the_kernel_goes_and_comes_whole()
    {
        await using var here = await Here.StartAsync(await redis.CreateDatabaseAsync(), _loop);
        await here.LinkedAsync();
        var large = new byte[12 << 20];
        Random.Shared.NextBytes(large);

        var (set, get) = (here.RunAsync("SET", here.Prefix, large), here.RunAsync("GET", here.Prefix));

        await set;
        Assert.Equal(large, (byte[]?)await get);
    }

    [Fact]
    public async Task A_refusal_fails_its_command_alone()
    {
        await using var here = await Here.StartAsync(await redis.CreateDatabaseAsync(), _loop);
        await here.LinkedAsync();
        var (first, refused, last) = (here.RunAsync("SET", here.Prefix, "text"), here.RunAsync("HGET", here.Prefix, "field"), here.RunAsync("GET", here.Prefix));

        await first;
        Assert.StartsWith("WRONGTYPE", (await Assert.ThrowsAsync<RedisServerException>(() => refused)).Message, StringComparison.Ordinal);
        Assert.Equal("text", (string?)await last);
    }

    [Fact]
    public async Task Commands_are_served_before_there_is_a_connection_and_after_one_was_lost()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var here = await Here.StartAsync(server.ConnectionString, _loop);
        await here.RunAsync("SET", here.Prefix, "first");
        await here.LinkedAsync();

        await server.KillWithDataAsync();
        await server.StartAsync();

        await Until.TrueAsync(async () =>
        {
            try
            {
                return (string?)await here.RunAsync("GET", here.Prefix) == "first";
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                return false;
            }
        }, "the value of before");
        await here.LinkedAsync();
    }

    [Fact]
    public async Task What_is_under_way_when_the_server_dies_fails()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var here = await Here.StartAsync(server.ConnectionString, _loop);
        await here.LinkedAsync();
        server.Pause();
        var waiting = here.RunAsync("GET", here.Prefix);

        await server.KillAsync();

        await Assert.ThrowsAsync<RedisConnectionException>(() => waiting.WaitAsync(Until.Patience));
    }

    [Fact]
    public async Task A_server_that_does_not_answer_for_two_seconds_is_given_up_and_what_is_under_way_fails()
    {
        var time = new FakeTimeProvider();
        var (link, over, peer) = await ConnectAsync(time);
        using var _ = peer;
        var waiting = link.TryRun(new RedisCommand("GET", [], ["key"], []))!;

        time.Advance(TimeSpan.FromSeconds(2.1));

        await Assert.ThrowsAsync<RedisConnectionException>(() => waiting.WaitAsync(Until.Patience));
        Assert.Contains("no answer for 2 s", await over.WaitAsync(Until.Patience), StringComparison.Ordinal);
        Assert.Null(link.TryRun(new RedisCommand("GET", [], ["key"], [])));
    }

    [Fact]
    public async Task A_quiet_server_is_asked_for_a_sign_of_life()
    {
        var time = new FakeTimeProvider();
        var (link, over, peer) = await ConnectAsync(time);
        using var _ = peer;
        var heard = new byte[100];
        var answered = link.TryRun(new RedisCommand("GET", [], ["key"], []))!;
        await peer.ReceiveAsync(heard).WaitAsync(Until.Patience);
        await peer.SendAsync("$-1\r\n"u8.ToArray());
        await answered.WaitAsync(Until.Patience);
        time.Advance(TimeSpan.FromSeconds(5.1));

        var count = await peer.ReceiveAsync(heard).WaitAsync(Until.Patience);

        Assert.StartsWith("*1\r\n$4\r\nPING\r\n", System.Text.Encoding.ASCII.GetString(heard, 0, count), StringComparison.Ordinal);
        time.Advance(TimeSpan.FromSeconds(2.1));
        Assert.Contains("no answer", await over.WaitAsync(Until.Patience), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_write_any_more_is_left()
    {
        var (link, over, peer) = await ConnectAsync(TimeProvider.System);
        using var _ = peer;
        var refused = link.TryRun(new RedisCommand("SET", [], ["key"], ["value"]))!;

        await peer.SendAsync("-READONLY You can't write against a read only replica.\r\n"u8.ToArray());

        await Assert.ThrowsAsync<RedisServerException>(() => refused.WaitAsync(Until.Patience));
        Assert.Contains("does not write any more", await over.WaitAsync(Until.Patience), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_follows_the_limit_of_a_request_or_a_handshake_runs_away_from_the_loop(bool isHandshake)
    {
        await using var here = await Here.StartAsync(await redis.CreateDatabaseAsync(), _loop);
        await here.LinkedAsync();
        var limiter = new RateLimiter(here.Redis, here.Commands, Options.Create(new LimitOptions()), NullLogger<RateLimiter>.Instance);

        // Without the test's own context, which would take every continuation away.
        var onLoop = await Task.Run(async () =>
        {
            for (var i = 0; i < 20; i++)
            {
                await (isHandshake ? limiter.TakeHandshakeAsync(here.Prefix, CancellationToken.None) : limiter.TakeRequestAsync(here.Prefix, CancellationToken.None));
                if (_loop.IsCurrent) return true;
            }
            return false;
        });

        Assert.False(onLoop);
    }

    [Fact]
    public void Of_several_addresses_the_first_that_answers_is_taken()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // taken, and nobody listens

        using var socket = PlainConnect.Connect([closed.LocalEndPoint!, listener.LocalEndPoint!], Until.Patience);

        Assert.Equal(listener.LocalEndPoint, socket.RemoteEndPoint);
        Assert.Throws<SocketException>(() => PlainConnect.Connect([closed.LocalEndPoint!], Until.Patience));
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n", "does not speak as Redis does")]
    [InlineData("+OK\r\n+OK\r\n", "a reply that nobody asked for")]
    public async Task A_server_that_talks_nonsense_is_given_up(string nonsense, string reason)
    {
        var (link, over, peer) = await ConnectAsync(TimeProvider.System);
        using var _ = peer;
        var waiting = link.TryRun(new RedisCommand("GET", [], ["key"], []))!;

        await peer.SendAsync(System.Text.Encoding.ASCII.GetBytes(nonsense));

        Assert.Contains(reason, await over.WaitAsync(Until.Patience), StringComparison.Ordinal);
        // With the nonsense came perhaps a reply; it is told in any case.
        await waiting.WaitAsync(Until.Patience).ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task A_room_that_has_moved_to_another_server_of_a_cluster_is_found_there()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var here = await Here.StartAsync(cluster.ConnectionString, _loop);
        var name = RedisCluster.NameOn(0);
        var key = $"k:{{{name}}}";
        await here.RunAsync("SET", key, "1");
        await here.LinkedAsync(key);

        await cluster.MoveSlotAsync(RedisCluster.SlotOf(name), cluster.Servers[0], cluster.Servers[1]);

        Assert.Equal(2, (long)await here.RunAsync("INCR", key));
        Assert.Equal(3, (long)await here.RunAsync("INCR", key));
    }

    // A link to a server that says what the test lets it say.
    private async Task<(CommandLink Link, Task<string> Over, Socket Peer)> ConnectAsync(TimeProvider time)
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(listener.LocalEndPoint!);
        var over = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        return (new CommandLink(_loop, socket, listener.LocalEndPoint!, time, (_, reason) => over.SetResult(reason)), over.Task, await listener.AcceptAsync());
    }

    private sealed class Here : IAsyncDisposable
    {

        private readonly int _database;

        private Here(ConnectionMultiplexer redis, LoopCommands commands, int database) => (Redis, Commands, _database) = (redis, commands, database);

        public ConnectionMultiplexer Redis { get; }

        public LoopCommands Commands { get; }

        /// <summary>Of keys that nobody else uses.</summary>
        public string Prefix { get; } = $"{{{Guid.NewGuid():N}}}";

        public static async Task<Here> StartAsync(string connectionString, EventLoop loop)
        {
            var options = ConfigurationOptions.Parse(connectionString);
            RedisSubscribers.FailFast(options);
            var redis = await ConnectionMultiplexer.ConnectAsync(options);
            var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:redis", connectionString)]).Build();
            return new Here(redis, new LoopCommands(configuration, redis, loop, TimeProvider.System, NullLogger<LoopCommands>.Instance), options.DefaultDatabase ?? 0);
        }

        public Task<RedisResult> RunAsync(string command, string key, params RedisValue[] arguments) => Commands.RunAsync(new RedisCommand(command, [], [key], arguments));

        /// <summary>Completes when commands go over a connection of the node's own.</summary>
        public Task LinkedAsync(string? key = null) => Until.TrueAsync(async () =>
        {
            try
            {
                await RunAsync("EXISTS", key ?? Prefix);
                var clients = await Task.WhenAll(Redis.GetServers().Select(server => server.ClientListAsync()));
                return clients.SelectMany(of => of).Any(client => client.Name == "chat-realtime-commands" && client.Database == _database && client.LastCommand == "exists");
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                return false;
            }
        }, "a connection of the node's own");

        public async ValueTask DisposeAsync()
        {
            Commands.Dispose();
            await Redis.DisposeAsync();
        }
    }
}
