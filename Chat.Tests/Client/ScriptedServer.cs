using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Chat.Client;
using Chat.Tests.EndToEnd;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Chat.Tests.Client;

/// <summary>
/// A real WebSocket endpoint whose every frame is written by the test: it stands where the network is. It knows nothing of the
/// protocol beyond <c>welcome</c>; each handshake becomes a <see cref="ScriptedPeer"/> that the test takes with <see cref="AcceptAsync"/>.
/// </summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Channel<ScriptedPeer> _peers = Channel.CreateUnbounded<ScriptedPeer>();
    private readonly CancellationTokenSource _stopping = new();

    private ScriptedServer(WebApplication app) => _app = app;

    public Uri Address { get; private set; } = null!;

    /// <summary>HTTP statuses with which the next handshakes are refused, in order.</summary>
    public Queue<int> Refusals { get; } = new();

    /// <summary>Connections from now on are accepted and then never read, so that pings stay unanswered: a network that swallows.</summary>
    public bool Swallows { get; set; }

    /// <summary>The bearer tokens of all handshakes so far.</summary>
    public List<string> Tokens { get; } = [];

    public static async Task<ScriptedServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.UseWebSockets();
        var server = new ScriptedServer(app);
        app.Map("/ws", server.HandleAsync);
        await app.StartAsync();
        server.Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return server;
    }

    /// <summary>Options of a client of this server, quick to reconnect.</summary>
    public ChatClientOptions Options(Func<CancellationToken, Task<string?>>? token = null) => new()
    {
        BaseAddress = Address,
        AccessTokenProvider = token ?? (_ => Task.FromResult<string?>("token-1")),
        ReconnectBase = TimeSpan.FromMilliseconds(5),
        ReconnectCap = TimeSpan.FromMilliseconds(50),
    };

    /// <summary>The next connection, before its <c>welcome</c>.</summary>
    public async Task<ScriptedPeer> TakeAsync() =>
        await _peers.Reader.ReadAsync().AsTask().Within("a handshake of the client");

    /// <summary>The next connection, welcomed.</summary>
    public async Task<ScriptedPeer> AcceptAsync(DateTimeOffset? sessionExpiresAt = null)
    {
        var peer = await TakeAsync();
        await peer.WelcomeAsync(sessionExpiresAt);
        return peer;
    }

    /// <summary>True when a handshake came that nobody has taken.</summary>
    public bool HasWaitingPeer => _peers.Reader.TryPeek(out _);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        lock (Tokens) Tokens.Add(context.Request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal));
        if (Refusals.TryDequeue(out var status))
        {
            context.Response.StatusCode = status;
            return;
        }
        using var socket = await context.WebSockets.AcceptWebSocketAsync("chat.v1");
        var peer = new ScriptedPeer(socket, context, Swallows);
        await _peers.Writer.WriteAsync(peer);
        await peer.Ended.WaitAsync(_stopping.Token).ContinueWith(_ => { }, TaskScheduler.Default);
    }
}

/// <summary>The server's end of one connection.</summary>
internal sealed class ScriptedPeer
{
    private readonly WebSocket _socket;
    private readonly HttpContext _context;
    private readonly Channel<JsonElement> _commands = Channel.CreateUnbounded<JsonElement>();

    public ScriptedPeer(WebSocket socket, HttpContext context, bool swallows)
    {
        (_socket, _context) = (socket, context);
        Ended = swallows ? Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted) : ReadAsync();
    }

    /// <summary>Completes when the client's end of the connection has ended.</summary>
    public Task Ended { get; }

    public Task WelcomeAsync(DateTimeOffset? sessionExpiresAt = null, DateTimeOffset? now = null) => SendAsync(
        $$"""{"event_type":"welcome","protocol":"chat.v1","user_id":"u1","user_name":"ann","connection_id":"c1","node_id":"n1","heartbeat_ms":20000,"max_message_bytes":32768{{(sessionExpiresAt is { } at ? $",\"session_expires_at\":\"{at:O}\"" : "")}}{{(now is { } sent ? $",\"timestamp\":\"{sent:O}\"" : "")}}}""");

    public Task SendAsync(string json) =>
        _socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

    /// <summary>The next command, which must be of <paramref name="type"/>.</summary>
    public async Task<JsonElement> ExpectAsync(string type)
    {
        var command = await _commands.Reader.ReadAsync().AsTask().Within($"a {type} command");
        Assert.Equal(type, command.GetProperty("event_type").GetString());
        return command;
    }

    /// <summary>True when the client has sent a command that nobody has taken.</summary>
    public bool HasWaitingCommand => _commands.Reader.TryPeek(out _);

    /// <summary>Acknowledges <paramref name="command"/> with <paramref name="fields"/>, the inside of a JSON object.</summary>
    public Task AckAsync(JsonElement command, string fields) =>
        SendAsync($$"""{"event_type":"ack","id":{{command.GetProperty("id")}},{{fields}}}""");

    public Task RefuseAsync(JsonElement command, string code, int? retryAfterMs = null) =>
        SendAsync($$"""{"event_type":"error","id":{{command.GetProperty("id")}},"code":"{{code}}","message":"no"{{(retryAfterMs is { } ms ? $",\"retry_after_ms\":{ms}" : "")}}}""");

    /// <summary>Acknowledges a <c>subscribe</c>.</summary>
    public Task AckSubscribeAsync(JsonElement command, long head, string epoch = "0", bool recovered = true, params string[] events) =>
        AckAsync(command, $"\"room_id\":\"{command.GetProperty("room_id").GetString()}\",\"epoch\":\"{epoch}\",\"head_seq\":{head},\"first_seq\":1,\"recovered\":{(recovered ? "true" : "false")},\"events\":[{string.Join(',', events)}]");

    /// <summary>Acknowledges a message as number <paramref name="seq"/>.</summary>
    public Task AckMessageAsync(JsonElement command, long seq) =>
        AckAsync(command, $"\"room_id\":\"{(command.TryGetProperty("room_id", out var room) ? room.GetString() : "dm.1")}\",\"client_id\":\"{command.GetProperty("client_id").GetString()}\",\"event_id\":\"{Guid.NewGuid()}\",\"seq\":{seq},\"epoch\":\"0\",\"timestamp\":\"2026-11-24T12:00:00.000Z\"");

    /// <summary>A message event, as it is delivered.</summary>
    public static string Message(long seq, string room = "lobby", string epoch = "0") =>
        $$"""{"seq":{{seq}},"epoch":"{{epoch}}","event_type":"chat_message","event_id":"{{Guid.NewGuid()}}","room_id":"{{room}}","sender_id":"u2","sender_name":"bob","content":"m{{seq}}","timestamp":"2026-11-24T12:00:00.000Z"}""";

    public Task CloseAsync(int code, string text = "") =>
        _socket.CloseOutputAsync((WebSocketCloseStatus)code, text, CancellationToken.None);

    /// <summary>Resets the connection without a word.</summary>
    public void Drop() => _context.Abort();

    private async Task ReadAsync()
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                    length += part.Count;
                }
                while (!part.EndOfMessage);
                if (part.MessageType == WebSocketMessageType.Close) break;
                await _commands.Writer.WriteAsync(JsonDocument.Parse(buffer.AsMemory(0, length).ToArray()).RootElement);
            }
            if (_socket.State == WebSocketState.CloseReceived) await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // the connection broke, which is how many of these tests end it
        }
        _commands.Writer.TryComplete();
    }
}
