using System.Reflection;
using System.Text.Encodings.Web;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Engine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chat.LocalHosting.Dashboard;

/// <summary>
/// The page for people and the API for scripts. It can stop and start everything, and shows connection strings with passwords,
/// so it listens on loopback only and answers nobody whom a browser may have sent from another site (<see cref="LocalCallers"/>).
/// </summary>
internal sealed class DashboardServer(
    LocalEngine engine, ResourceCommandService commands, EngineSettings settings, ConsoleOutput console) : IHostedService, IAsyncDisposable
{
    private const int MaxTail = ReplicaLog.KeptLines;
    private const int DefaultTail = 200;

    private readonly ResourceList _list = new(engine);
    private WebApplication? _app;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.DashboardPort is not { } port)
            return;

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
        builder.Services.AddRouting();
        builder.Logging.AddProvider(new EngineLoggerProvider(console)).AddFilter(level => level >= LogLevel.Warning);
        _app = builder.Build();
        _app.Use(LocalCallers.RequireAsync);
        _app.UseRouting();
        Map(_app);
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (IOException failure)
        {
            throw new DistributedApplicationException($"The dashboard cannot listen on port {port}: {failure.Message} Set CHAT_DASHBOARD_PORT to a free port.", failure);
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        // Followed logs never end by themselves.
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        if (_app is not null)
            await _app.StopAsync(now.Token);
    }

    public ValueTask DisposeAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    private void Map(WebApplication app)
    {
        app.MapGet("/", () => Results.Content(Page("dashboard.html").Replace("<!--rows-->", ResourceRows.Render(_list.Read())), "text/html; charset=utf-8"));
        app.MapGet("/rows", () => Results.Content(ResourceRows.Render(_list.Read()), "text/html; charset=utf-8"));
        app.MapGet("/dashboard.css", () => Results.Content(Page("dashboard.css"), "text/css; charset=utf-8"));
        app.MapGet("/dashboard.js", () => Results.Content(Page("dashboard.js"), "text/javascript; charset=utf-8"));

        app.MapGet("/api/resources", GetResourcesAsync);
        app.MapPost("/api/resources/{name}/{command}", ExecuteAsync);
        app.MapGet("/api/resources/{name}/logs", GetLogs);
        app.MapGet("/api/resources/{name}/logs/follow", FollowLogsAsync);
    }

    private async Task<IResult> GetResourcesAsync(CancellationToken cancellationToken) =>
        Results.Json(await _list.ReadWithConnectionStringsAsync(cancellationToken), DashboardJson.Default.IReadOnlyListResourceEntry);

    private async Task<IResult> ExecuteAsync(string name, string command, CancellationToken cancellationToken)
    {
        if (Find(name) is null)
            return Results.NotFound($"There is no resource '{name}'.");
        if (ReplicaCommands.Parse(command) is null)
            return Results.NotFound($"There is no command '{command}': start, stop and restart are.");
        await commands.ExecuteCommandAsync(name, command, cancellationToken);
        return Results.NoContent();
    }

    private Results<ContentHttpResult, NotFound> GetLogs(string name, int? tail) => Find(name) is { } replica
        ? TypedResults.Content(string.Concat(replica.Log.Tail(Clamp(tail)).Select(line => line + "\n")), "text/plain; charset=utf-8")
        : TypedResults.NotFound();

    /// <summary>Server-sent events: the last lines and then each new one.</summary>
    private async Task FollowLogsAsync(string name, int? tail, HttpContext context)
    {
        if (Find(name) is not { } replica)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        context.Response.ContentType = "text/event-stream";
        try
        {
            await foreach (var line in replica.Log.FollowAsync(Clamp(tail), context.RequestAborted))
                await context.Response.WriteAsync($"data: {JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(line)}\n\n", context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The reader has left.
        }
    }

    private Replica? Find(string name) => engine.Replicas.FirstOrDefault(replica => replica.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static int Clamp(int? tail) => Math.Clamp(tail ?? DefaultTail, 0, MaxTail);

    private static string Page(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
