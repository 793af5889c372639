using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using Chat.Contracts;
using Chat.Realtime.Presence;
using Chat.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Chat.Tests.People;

[Collection(nameof(NodeCollection))]
public class ConnectionLimitTests(NodeFixture nodes) : IDisposable
{
    // Held to the end of the test: a socket that nobody refers to is closed with the next garbage collection.
    private readonly ConcurrentBag<ClientWebSocket> _sockets = [];

    public void Dispose()
    {
        foreach (var socket in _sockets) socket.Dispose();
    }

    [Fact]
    public async Task The_connection_over_a_users_limit_is_closed_with_4429_and_the_others_stay()
    {
        var backing = await nodes.BackingAsync();
        await using var first = await StartAsync(backing, ("Chat:Limits:ConnectionsPerUser", "4"));
        await using var second = await StartAsync(backing, ("Chat:Limits:ConnectionsPerUser", "4"));
        var user = NodeFixture.Name("user");
        await using var one = await first.ConnectAsync(user);
        await using var two = await second.ConnectAsync(user);
        await using var three = await first.ConnectAsync(user);
        var four = await second.ConnectAsync(user);

        // Nodes tell each other of their connections once per tick, so the limit over all of them holds a moment later.
        foreach (var node in (TestNode[])[first, second])
            await Until.TrueAsync(async () => await CloseCodeAsync(node, user, leave: true) == CloseCodes.TooManyConnections, "the limit holds over both nodes");
        foreach (var client in (TestClient[])[one, two, three, four])
            Assert.Equal("pong", (await client.AskAsync(new { event_type = "ping" })).GetProperty("event_type").GetString());

        await four.DisposeAsync();
        await Until.TrueAsync(async () => await CloseCodeAsync(first, user, leave: true) is null, "there is room again");
    }

    [Fact]
    public async Task Of_many_connections_at_once_just_the_limit_stays()
    {
        await using var node = await StartAsync(await nodes.BackingAsync(), ("Chat:Limits:ConnectionsPerUser", "5"));
        var user = NodeFixture.Name("user");

        var codes = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => CloseCodeAsync(node, user)));

        Assert.Equal(5, codes.Count(code => code is null));
    }

    [Fact]
    public async Task Of_many_connections_to_two_nodes_at_once_no_more_than_the_limit_stay()
    {
        var backing = await nodes.BackingAsync();
        await using var first = await StartAsync(backing, ("Chat:Limits:ConnectionsPerUser", "5"));
        await using var second = await StartAsync(backing, ("Chat:Limits:ConnectionsPerUser", "5"));
        var user = NodeFixture.Name("user");

        var codes = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => CloseCodeAsync(i % 2 == 0 ? first : second, user)));

        Assert.InRange(codes.Count(code => code is null), 1, 5);
        Assert.All(codes, code => Assert.True(code is null or CloseCodes.TooManyConnections, $"Closed with {code}."));
    }

    [Fact]
    public async Task What_a_dead_process_said_of_its_connections_does_not_count()
    {
        await using var node = await StartAsync(await nodes.BackingAsync(), ("Chat:Limits:ConnectionsPerUser", "2"));
        var user = NodeFixture.Name("user");
        var redis = node.Services.GetRequiredService<IConnectionMultiplexer>().GetDatabase();
        await redis.HashSetAsync(RedisKeys.Presence(user), "dead", new PresencePart("dead", PresenceStatus.Online, 50).Value);

        await Until.TrueAsync(async () => await CloseCodeAsync(node, user, leave: true) is null, "a user without live connections may connect");
        // It is still there: nobody has a lease of that id to reap.
        Assert.True(await redis.HashExistsAsync(RedisKeys.Presence(user), "dead"));
    }

    [Fact]
    public async Task A_full_node_closes_the_next_connection_with_1013_until_one_leaves()
    {
        await using var node = await TestNode.StartAsync(await nodes.BackingAsync(), ("Chat:Connections:MaxConnections", "2"));
        var one = await node.ConnectAsync(NodeFixture.Name("user"));
        await using var two = await node.ConnectAsync(NodeFixture.Name("user"));

        Assert.Equal(CloseCodes.TryAgainLater, await CloseCodeAsync(node, NodeFixture.Name("user")));
        await one.DisposeAsync();

        await Until.TrueAsync(async () => await CloseCodeAsync(node, NodeFixture.Name("user"), leave: true) is null, "there is room again");
    }

    [Fact]
    public async Task Handshakes_over_the_rate_of_an_address_are_refused_with_the_wait()
    {
        await using var node = await StartAsync(await nodes.BackingAsync(), ("Chat:Limits:HandshakesPerSecond", "1"), ("Chat:Proxy:Secret", "secret"));

        var started = TimeProvider.System.GetTimestamp();
        HttpResponseMessage response;
        var passed = 0;
        while ((response = await HandshakeAsync(node, "203.0.113.7")).StatusCode == HttpStatusCode.Unauthorized && passed < 50) passed++;

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.InRange(passed, 5, 6 + (int)TimeProvider.System.GetElapsedTime(started).TotalSeconds);
        Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
        var problem = await response.Content.ReadFromJsonAsync(ChatJson.Default.Problem);
        Assert.Equal(ErrorCodes.RateLimited, problem?.Code);
        Assert.InRange(problem!.RetryAfterMs!.Value, 1, 1000);
        Assert.Equal(HttpStatusCode.Unauthorized, (await HandshakeAsync(node, "203.0.113.8")).StatusCode);
    }

    [Fact]
    public async Task Connections_over_the_limit_of_an_address_are_refused_until_one_closes()
    {
        await using var node = await StartAsync(await nodes.BackingAsync(), ("Chat:Limits:ConnectionsPerAddress", "2"));
        var one = await node.ConnectAsync(NodeFixture.Name("user"));
        await using var two = await node.ConnectAsync(NodeFixture.Name("user"));

        await Assert.ThrowsAsync<WebSocketException>(() => node.ConnectAsync(NodeFixture.Name("user")));
        await one.DisposeAsync();

        await Until.TrueAsync(async () =>
        {
            try
            {
                await using var next = await node.ConnectAsync(NodeFixture.Name("user"));
                return true;
            }
            catch (WebSocketException)
            {
                return false;
            }
        }, "there is room again");
    }

    private static Task<TestNode> StartAsync(Backing backing, params (string Key, string Value)[] settings) =>
        TestNode.StartAsync(backing, [("Chat:Limits:Enabled", "true"), .. settings]);

    // Without a token: what is refused for its rate is not even asked for one.
    private static async Task<HttpResponseMessage> HandshakeAsync(TestNode node, string address)
    {
        using var http = new HttpClient { BaseAddress = node.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/ws");
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Upgrade.Add(new("websocket"));
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        request.Headers.Add("X-Chat-Proxy", "secret");
        request.Headers.Add("X-Forwarded-For", address);
        return await http.SendAsync(request);
    }

    // Null when it stays open, and then it is left open or, with leave, closed again.
    private async Task<int?> CloseCodeAsync(TestNode node, string user, bool leave = false)
    {
        var isWelcome = false;
        var socket = new ClientWebSocket();
        _sockets.Add(socket);
        socket.Options.SetRequestHeader("Authorization", $"Bearer {TestNode.Token(user)}");
        await socket.ConnectAsync(new UriBuilder(node.Address) { Scheme = "ws", Path = "/ws" }.Uri, CancellationToken.None).WaitAsync(Until.Patience);
        // The welcome comes first, unless it is refused: then nothing does but the close frame.
        var received = await socket.ReceiveAsync(new byte[4096], CancellationToken.None).WaitAsync(Until.Patience);
        if (received.MessageType != WebSocketMessageType.Close)
        {
            isWelcome = true;
            await socket.SendAsync("{\"event_type\":\"ping\",\"id\":1}"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
            received = await socket.ReceiveAsync(new byte[4096], CancellationToken.None).WaitAsync(Until.Patience);
        }
        if (received.MessageType == WebSocketMessageType.Close)
        {
            Assert.False(isWelcome, "Who is refused gets no welcome.");
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
            return (int)socket.CloseStatus!;
        }
        if (leave) socket.Dispose();
        return null;
    }
}
