using System.Net.WebSockets;
using System.Text;

namespace Chat.Tests.Realtime;

[Collection(nameof(NodeCollection))]
public class CloseCodeTests(NodeFixture fixture)
{
    [Fact]
    public async Task A_binary_frame_closes_with_1003()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        await client.SendBytesAsync([1, 2, 3], WebSocketMessageType.Binary);
        Assert.Equal(1003, await client.CloseCodeAsync());
    }

    [Fact]
    public async Task A_message_over_the_limit_closes_with_1009()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        await client.SendTextAsync(new string('x', 32_769));
        Assert.Equal(1009, await client.CloseCodeAsync());
    }

    [Fact]
    public async Task A_message_of_exactly_the_limit_is_read()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        const string head = "{\"event_type\":\"ping\",\"id\":7,\"pad\":\"";
        await client.SendTextAsync(head + new string('x', 32_768 - head.Length - 2) + "\"}");
        Assert.Equal(7, (await client.NextAsync("pong")).GetProperty("id").GetInt32());
    }

    [Theory]
    [InlineData(new byte[] { 0xC3, 0x28 })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    public async Task Text_that_is_not_UTF8_closes_with_1007(byte[] text)
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        await client.SendBytesAsync(text);
        Assert.Equal(1007, await client.CloseCodeAsync());
    }

    [Fact]
    public async Task Who_breaks_the_protocol_before_the_welcome_is_told_why()
    {
        for (var i = 0; i < 20; i++)
        {
            await using var client = await TestClient.OpenAsync(fixture.Node.Address, TestNode.Token(NodeFixture.Name("ann")));
            await client.SendBytesAsync([0xC3, 0x28]);
            Assert.Equal(1007, await client.CloseCodeAsync());
        }
    }

    [Fact]
    public async Task Too_many_pieces_of_a_message_close_with_1008()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        for (var i = 0; i < 1_100; i++) await client.SendBytesAsync([], end: false);
        Assert.Equal(1008, await client.CloseCodeAsync());
    }

    [Fact]
    public async Task The_twentieth_bad_frame_within_a_minute_closes_with_1008()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        for (var i = 0; i < 19; i++)
        {
            await client.SendTextAsync("nonsense");
            Assert.Equal("bad_request", (await client.NextAsync("error")).GetProperty("code").GetString());
        }
        Assert.Equal("pong", (await client.AskAsync(new { event_type = "ping" })).GetProperty("event_type").GetString());
        await client.SendTextAsync("nonsense");
        Assert.Equal(1008, await client.CloseCodeAsync());
    }

    [Fact]
    public async Task Refused_but_well_formed_commands_do_not_count_as_bad_frames()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        for (var i = 0; i < 25; i++)
        {
            var reply = await client.AskAsync(new { event_type = "subscribe", room_id = "absent" });
            Assert.Equal("not_found", reply.GetProperty("code").GetString());
        }
        await client.AskAsync(new { event_type = "ping" });
    }

    [Fact]
    public async Task An_expired_session_closes_with_4401_unless_it_was_renewed()
    {
        var user = NodeFixture.Name("ann");
        // Long enough to be renewed in time also on a busy machine; the other one expires later, so that both times are over at the end.
        await using var renewing = await TestClient.OpenAsync(fixture.Node.Address, TestNode.Token(user, TimeSpan.FromSeconds(8)));
        var renewed = await renewing.AskAsync(new { event_type = "authenticate", access_token = TestNode.Token(user) });
        Assert.Equal("ack", renewed.GetProperty("event_type").GetString());
        Assert.NotEmpty(renewed.GetProperty("session_expires_at").GetString()!);
        await using var expiring = await TestClient.OpenAsync(fixture.Node.Address, TestNode.Token(user, TimeSpan.FromSeconds(9)));
        Assert.Equal(4401, await expiring.CloseCodeAsync());
        await renewing.AskAsync(new { event_type = "ping" });
    }

    [Fact]
    public async Task Another_users_token_renews_nothing()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        var reply = await client.AskAsync(new { event_type = "authenticate", access_token = TestNode.Token(NodeFixture.Name("bob")) });
        Assert.Equal("unauthorized", reply.GetProperty("code").GetString());
    }

    [Fact]
    public async Task The_clients_close_is_answered_with_its_code()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        Assert.Equal(1000, await client.CloseAsync());
    }

    [Fact]
    public async Task Ids_are_echoed_as_they_were_written()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        foreach (var id in new[] { "1", "-5", "1.50", "1e3", "\"a \\u00e9\\n\"", "\"\"" })
        {
            await client.SendTextAsync($$"""{"id":{{id}},"event_type":"ping"}""");
            Assert.Equal(id, (await client.NextAsync("pong")).GetProperty("id").GetRawText());
        }
        await client.SendBytesAsync(Encoding.UTF8.GetBytes("""{"event_type":"no_such_command","id":"x"}"""));
        var error = await client.NextAsync("error");
        Assert.Equal(("x", "bad_request"), (error.GetProperty("id").GetString(), error.GetProperty("code").GetString()));
    }
}
