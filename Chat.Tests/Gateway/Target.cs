using System.Net.WebSockets;
using Chat.ServiceDefaults;
using Chat.ServiceDefaults.Leases;
using Chat.Tests.People;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using IServer = Microsoft.AspNetCore.Hosting.Server.IServer;

namespace Chat.Tests.Gateway;

/// <summary>A small server that announces itself as a node or an instance of the interface does, and says what it sees of a request.</summary>
internal sealed class Target(WebApplication app, LeaseKeeper lease) : IAsyncDisposable
{
    public Uri Address { get; } = new(app.Urls.First());

    public string? LeaseId => lease.LeaseId;

    /// <summary>The close code that the last WebSocket's client sent.</summary>
    public int? LastClose => app.Services.GetRequiredService<Closes>().Last;

    /// <param name="leases">Hash in which it announces itself.</param>
    public static async Task<Target> StartAsync(string name, IConnectionMultiplexer redis, string leases, string? proxySecret = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Configuration[TrustedProxy.SecretKey] = proxySecret;
        builder.Services.AddSingleton(services => new LeaseKeeper(
            new LeaseStore(redis, leases), Guid.NewGuid().ToString("N"), () => 0, services.GetRequiredService<IServer>(),
            services.GetRequiredService<IHostApplicationLifetime>(), TimeProvider.System, services.GetRequiredService<ILogger<LeaseKeeper>>()));
        builder.Services.AddHostedService(services => services.GetRequiredService<LeaseKeeper>());

        builder.Services.AddSingleton<Closes>();
        builder.Services.AddSingleton<TurnsAway>();

        var app = builder.Build();
        app.Use((context, next) => context.RequestServices.GetRequiredService<TurnsAway>().IsSet ? TurnAwayAsync(context) : next(context));
        app.UseTrustedProxy();
        app.UseWebSockets();
        app.Map("/ws", SocketAsync);
        app.MapPost("/api/upload", async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        });
        app.MapGet("/api/stream", StreamAsync);
        app.Map("{**path}", async context => await context.Response.WriteAsJsonAsync(new Seen(
            name, context.Request.Path, context.Connection.RemoteIpAddress?.ToString(), context.Request.Scheme, context.Request.Host.ToString(),
            context.Request.Headers.Keys.Where(key => key.StartsWith("X-", StringComparison.OrdinalIgnoreCase) || key == "Forwarded").ToList())));
        await app.StartAsync();
        var target = new Target(app, app.Services.GetRequiredService<LeaseKeeper>());
        await Until.TrueAsync(() => target.LeaseId is not null, "the target announces itself");
        return target;
    }

    /// <summary>Says that it drains and goes on serving, as a node does between SIGTERM and its end.</summary>
    public Task DrainAsync() => lease.StoppingAsync(CancellationToken.None);

    /// <summary>Refuses whoever comes, as a draining node does, while its lease still says that it is ready.</summary>
    public void TurnAway() => app.Services.GetRequiredService<TurnsAway>().IsSet = true;

    /// <summary>Stops listening without a word in Redis, as a killed process does.</summary>
    public async Task DieAsync() => await app.Services.GetRequiredService<IServer>().StopAsync(new CancellationToken(canceled: true));

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    /// <summary><c>close N</c> closes with that code, <c>abort</c> cuts the connection, anything else comes back.</summary>
    private static async Task SocketAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync(context.WebSockets.WebSocketRequestedProtocols.FirstOrDefault());
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer, context.RequestAborted);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                context.RequestServices.GetRequiredService<Closes>().Last = (int?)socket.CloseStatus;
                await socket.CloseOutputAsync(socket.CloseStatus ?? WebSocketCloseStatus.Empty, socket.CloseStatusDescription, context.RequestAborted);
                return;
            }
            var text = System.Text.Encoding.UTF8.GetString(buffer, 0, received.Count);
            if (text == "abort")
            {
                context.Abort();
                return;
            }
            if (text.StartsWith("close ", StringComparison.Ordinal))
            {
                await socket.CloseAsync((WebSocketCloseStatus)int.Parse(text[6..]), "as asked", context.RequestAborted);
                return;
            }
            await socket.SendAsync(buffer.AsMemory(0, received.Count), WebSocketMessageType.Text, true, context.RequestAborted);
        }
    }

    private static Task TurnAwayAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers[DrainingAnswer.Header] = DrainingAnswer.Value;
        return context.Response.WriteAsync("This node is stopping.");
    }

    private sealed class TurnsAway
    {
        public bool IsSet { get; set; }
    }

    private sealed class Closes
    {
        public int? Last { get; set; }
    }

    // The first part comes at once, and the response does not end by itself.
    private static async Task StreamAsync(HttpContext context)
    {
        await context.Response.WriteAsync("first\n");
        await context.Response.Body.FlushAsync();
        await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}

/// <summary>What a target saw.</summary>
internal sealed record Seen(string Name, string Path, string? Address, string Scheme, string Host, IReadOnlyList<string> Headers);
