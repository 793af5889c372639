using System.Net;
using Chat.Client;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Tests.Hub;
using Microsoft.AspNetCore.Http.Connections;

namespace Chat.Tests.EndToEnd;

[Collection(SharedSystemTests.Name)]
public sealed class OriginTests(SharedSystem shared)
{
    private readonly ChatSystem _system = shared.System;

    [Fact]
    public async Task Everything_works_over_tls_through_the_gateway()
    {
        var ann = await _system.RegisterAsync("ann");
        var room = await ann.CreateRoomAsync();
        Assert.Equal("https", _system.SecureOrigin.Scheme);
        await using var device = await ann.ConnectAsync(_system.SecureOrigin);
        await device.Connection.SubscribeAsync(room).Within("the subscription");
        var receipt = await device.Connection.SendMessageAsync(room, "over tls").Within("the receipt");
        await device.ExpectAsync(e => e.EventId == receipt.EventId, "the message");
    }

    [Theory]
    [InlineData(HttpTransportType.WebSockets)]
    [InlineData(HttpTransportType.LongPolling)]
    public async Task A_hub_connection_stays_with_its_node(HttpTransportType transport)
    {
        var ann = await _system.RegisterAsync("ann");
        var room = await ann.CreateRoomAsync();
        for (var i = 0; i < 4; i++)
        {
            await using var hub = await HubClient.OpenAsync(_system.Origin, await ann.AccessTokenAsync(), transports: transport);
            await hub.CallAsync("Subscribe", ("room_id", room));
            var ack = await hub.CallAsync("SendMessage", ("room_id", room), ("content", $"{i}"));
            Assert.Equal(ack.GetProperty("seq").GetInt64(), (await hub.NextAsync("chat_message")).GetProperty("seq").GetInt64());
        }
    }

    [Fact]
    public async Task One_origin_serves_the_interface_the_api_and_its_description()
    {
        using var http = new HttpClient { BaseAddress = _system.Origin };
        var page = await http.GetAsync("/").Within("the interface");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains("<html", await page.Content.ReadAsStringAsync(), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("/api/rooms", await http.GetStringAsync("/openapi/v1.json"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/health")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/api/me")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/api/nothing")).StatusCode);
    }

    [Fact]
    public async Task A_connection_without_a_valid_token_is_refused_at_the_handshake()
    {
        await using var connection = new ChatConnection(new ChatClientOptions
        {
            BaseAddress = _system.Origin,
            AccessTokenProvider = _ => Task.FromResult<string?>("not a token"),
        });
        var refused = await Assert.ThrowsAsync<ChatException>(() => connection.StartAsync().Within("the refusal"));
        Assert.Equal(ErrorCodes.Unauthorized, refused.Code);
        Assert.Equal(ClosedReason.SignedOut, connection.State.ClosedReason);
    }

    [Fact]
    public async Task Signing_out_closes_the_connections_of_the_session()
    {
        var http = new HttpClient { BaseAddress = _system.Origin };
        var api = new ChatApi(http);
        var ann = await _system.RegisterAsync("ann");
        var session = await api.LoginAsync(ann.UserName, "correct horse battery");
        await using var connection = new ChatConnection(new ChatClientOptions
        {
            BaseAddress = _system.Origin,
            AccessTokenProvider = _ => Task.FromResult<string?>(session.AccessToken),
        });
        await connection.StartAsync().Within("a connection");
        await api.LogoutAsync(session.RefreshToken);
        await Await.UntilAsync(() => connection.State is { ClosedReason: ClosedReason.SignedOut }, () => $"signed out (it is {connection.State})");
        Assert.Equal(ErrorCodes.Unauthorized, (await Assert.ThrowsAsync<ChatException>(() => api.RefreshAsync(session.RefreshToken))).Code);
    }
}
