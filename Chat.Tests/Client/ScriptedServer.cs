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
/// A real endpoint, <c>/ws</c> or <c>/hubs/chat</c>, whose every frame is written by the test: it stands where the network is. It knows
/// nothing of the protocol beyond <c>welcome</c>; each handshake becomes a <see cref="ScriptedPeer"/> that the test takes with <see cref="AcceptAsync"/>.
/// </summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private const string Negotiated =
        """{"negotiateVersion":1,"connectionId":"c","connectionToken":"t","availableTransports":[{"transport":"WebSockets","transferFormats":["Text","Binary"]}]}""";

    private readonly WebApplication _app;
    private readonly Wire _wire;
    private readonly Channel<ScriptedPeer> _peers = Channel.CreateUnbounded<ScriptedPeer>();
    private readonly CancellationTokenSource _stopping = new();

    private ScriptedServer(WebApplication app, Wire wire) => (_app, _wire) = (app, wire);

    public Uri Address { get; private set; } = null!;

    /// <summary>HTTP statuses with which the next handshakes are refused, in order.</summary>
    public Queue<int> Refusals { get; set; } = new();

    /// <summary>What a refusal says of when to come back, in seconds.</summary>
    public int? RetryAfter { get; set; }

    /// <summary>Connections from now on are accepted and then never read, so that pings stay unanswered: a network that swallows.</summary>
    public bool Swallows { get; set; }

    /// <summary>The bearer tokens of all handshakes so far.</summary>
    public List<string> Tokens { get; } = [];

    public static async Task<ScriptedServer> StartAsync(Wire wire)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.UseWebSockets();
        var server = new ScriptedServer(app, wire);
        // SignalR shows its token and hears of a refusal when it negotiates.
        if (wire == Wire.WebSocket) app.Map("/ws", async context => { if (server.Admits(context)) await server.ServeAsync(context); });
        else app.MapPost("/hubs/chat/negotiate", async context => { if (server.Admits(context)) await context.Response.WriteAsync(Negotiated); });
        if (wire != Wire.WebSocket) app.Map("/hubs/chat", server.ServeAsync);
        await app.StartAsync();
        server.Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return server;
    }

    /// <summary>Options of a client of this server, quick to reconnect.</summary>
    public ChatClientOptions Options(
        Func<CancellationToken, Task<string?>>? token = null, TimeSpan? requestTimeout = null, int maxPendingSends = 1_000, int maxQueuedEvents = 10_000,
        TimeSpan? keepAliveInterval = null, TimeSpan? keepAliveTimeout = null, TimeProvider? time = null, ILoggerFactory? log = null) => new()
        {
            BaseAddress = Address,
            Transport = _wire.Transport(),
            HubProtocol = _wire.HubProtocol(),
            AccessTokenProvider = token ?? (_ => Task.FromResult<string?>("token-1")),
            ReconnectBase = TimeSpan.FromMilliseconds(5),
            ReconnectCap = TimeSpan.FromMilliseconds(50),
            RequestTimeout = requestTimeout ?? TimeSpan.FromSeconds(10),
            MaxPendingSends = maxPendingSends,
            MaxQueuedEvents = maxQueuedEvents,
            KeepAliveInterval = keepAliveInterval ?? TimeSpan.FromSeconds(15),
            KeepAliveTimeout = keepAliveTimeout ?? TimeSpan.FromSeconds(15),
            TimeProvider = time ?? TimeProvider.System,
            LoggerFactory = log,
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

    private bool Admits(HttpContext context)
    {
        lock (Tokens) Tokens.Add(context.Request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal));
        if (!Refusals.TryDequeue(out var status)) return true;
        context.Response.StatusCode = status;
        if (RetryAfter is { } seconds) context.Response.Headers.RetryAfter = $"{seconds}";
        return false;
    }

    private async Task ServeAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync(_wire == Wire.WebSocket ? "chat.v1" : null);
        ScriptedPeer peer = _wire == Wire.WebSocket ? new ScriptedSocket(socket, context) : await ScriptedHub.AcceptAsync(socket, context, _wire);
        peer.Begin(Swallows);
        await _peers.Writer.WriteAsync(peer);
        await peer.Ended.WaitAsync(_stopping.Token).ContinueWith(_ => { }, TaskScheduler.Default);
    }
}
