using System.Net;
using System.Text;
using Chat.Realtime.Transport;
using Chat.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Transport;

/// <summary>One port for everything: who is served by the loop, and who by Kestrel.</summary>
[Collection(nameof(NodeCollection))]
public sealed class FrontDoorTests(NodeFixture fixture)
{
    [Fact]
    public async Task An_upgrade_is_answered_by_the_loop_and_everything_else_by_Kestrel()
    {
        using var ours = await RawConnection.ConnectAsync(fixture.Node.Address);
        await ours.SendAsync(RawConnection.UpgradeOf(TestNode.Token(NodeFixture.Name("ann"))));
        Assert.DoesNotContain("Server:", await ours.ReadHeadAsync()); // Kestrel names itself
        foreach (var request in new[] { "GET /alive HTTP/1.1\r\nHost: x\r\n\r\n", "GET /wsx HTTP/1.1\r\nHost: x\r\n\r\n", "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", "nonsense\r\n\r\n" })
        {
            using var kestrels = await RawConnection.ConnectAsync(fixture.Node.Address);
            await kestrels.SendAsync(Encoding.ASCII.GetBytes(request));
            Assert.Contains("\r\n", await kestrels.ReadHeadAsync());
        }
    }

    [Fact]
    public async Task A_head_may_come_byte_by_byte_with_frames_right_behind_it()
    {
        using var connection = await RawConnection.ConnectAsync(fixture.Node.Address);
        foreach (var value in RawConnection.UpgradeOf(TestNode.Token(NodeFixture.Name("ann")))) await connection.SendAsync([value]);
        await connection.SendAsync(ClientFrame.Text("{\"event_type\":\"ping\",\"id\":1}"));
        Assert.StartsWith("HTTP/1.1 101 ", await connection.ReadHeadAsync());
        Assert.Contains("\"welcome\"", await connection.ReadTextAsync());
        Assert.Contains("\"pong\"", await connection.ReadTextAsync());
    }

    [Fact]
    public async Task A_refusal_is_a_problem_and_the_end_of_the_connection()
    {
        using var connection = await RawConnection.ConnectAsync(fixture.Node.Address);
        await connection.SendAsync(RawConnection.UpgradeOf("wrong"));
        var answer = await connection.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 401 Unauthorized\r\n", answer);
        Assert.Contains("Content-Type: application/problem+json", answer);
        Assert.Contains("Connection: close\r\n", answer);
        Assert.Contains("\"code\":\"unauthorized\"", answer);
    }

    [Fact]
    public async Task A_refused_rate_says_when_to_come_back()
    {
        await using var node = await TestNode.StartAsync(
            fixture.Node.Backing, ("Chat:Limits:Enabled", "true"), ("Chat:Limits:ConnectionsPerAddress", "1"), ("Chat:Limits:HandshakesPerSecond", "0"));
        using var first = await RawConnection.OpenAsync(node, NodeFixture.Name("ann"));
        using var second = await RawConnection.ConnectAsync(node.Address);
        await second.SendAsync(RawConnection.UpgradeOf(TestNode.Token(NodeFixture.Name("bob"))));
        var answer = await second.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 429 ", answer);
        Assert.Contains("Retry-After: ", answer);
    }

    [Fact]
    public async Task Forwarded_headers_are_not_believed_without_the_secret()
    {
        using var connection = await RawConnection.ConnectAsync(fixture.Node.Address);
        await connection.SendAsync(RawConnection.UpgradeOf(
            TestNode.Token(NodeFixture.Name("ann")), "Origin: https://evil.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n"));
        Assert.StartsWith("HTTP/1.1 403 ", await connection.ReadToEndAsync());
    }

    [Fact]
    public async Task A_head_that_is_too_long_is_refused_by_Kestrel_or_served_by_it()
    {
        using var connection = await RawConnection.ConnectAsync(fixture.Node.Address);
        await connection.SendAsync(RawConnection.UpgradeOf(TestNode.Token(NodeFixture.Name("ann")), $"X-Long: {new string('x', RequestHead.MaxBytes)}\r\n"));
        var head = await connection.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", head);
        Assert.Contains("Server: Kestrel", head);
    }

    [Fact]
    public async Task Many_callers_who_say_nothing_hinder_nobody()
    {
        var silent = new List<RawConnection>();
        for (var i = 0; i < 200; i++) silent.Add(await RawConnection.ConnectAsync(fixture.Node.Address));
        foreach (var connection in silent) await connection.SendAsync("GET /w"u8.ToArray());
        using var speaking = await RawConnection.OpenAsync(fixture.Node, NodeFixture.Name("ann"));
        await speaking.AssertAliveAsync();
        foreach (var connection in silent) connection.Dispose();
        await speaking.AssertAliveAsync();
    }

    [Fact]
    public async Task Of_more_callers_than_are_accepted_at_one_turn_of_the_loop_all_are_served()
    {
        var callers = new List<RawConnection>();
        using var free = new ManualResetEventSlim();
        fixture.Node.Services.GetRequiredService<EventLoop>().Post(free.Wait);
        try
        {
            for (var i = 0; i < 150; i++) callers.Add(await RawConnection.ConnectAsync(fixture.Node.Address)); // with the kernel, which has them wait for the node
        }
        finally
        {
            free.Set();
        }
        foreach (var caller in callers)
        {
            await caller.SendAsync(RawConnection.UpgradeOf(TestNode.Token(NodeFixture.Name("ann"))));
            Assert.StartsWith("HTTP/1.1 101 ", await caller.ReadHeadAsync());
        }
        callers.ForEach(caller => caller.Dispose());
    }

    [Fact]
    public async Task Requests_of_one_kept_connection_are_all_Kestrels()
    {
        using var http = new HttpClient { BaseAddress = fixture.Node.Address };
        for (var i = 0; i < 5; i++) Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/alive")).StatusCode);
    }
}
