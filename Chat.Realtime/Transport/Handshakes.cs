using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Chat.Contracts;
using Chat.Realtime.Connections;
using Chat.ServiceDefaults;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Chat.Realtime.Transport;

/// <summary>
/// Opening handshakes below Kestrel. Who may connect is decided by the same code as on the framework's path: the proxy's headers are taken or removed, then
/// <see cref="WebSocketEndpoint"/> admits or refuses. Their number is bounded; beyond it callers take the framework's path.
/// </summary>
internal sealed partial class Handshakes
{
    private const int MaxAtOnce = 16_384; // most of them wait for their turn

    private readonly RequestDelegate _admission;
    private readonly FastSessions _sessions;
    private readonly Newcomers _newcomers;
    private readonly ILogger<Handshakes> _logger;
    private int _underWay;

    public Handshakes(IServiceProvider services, WebSocketEndpoint endpoint, FastSessions sessions, Newcomers newcomers, ILogger<Handshakes> logger)
    {
        (_sessions, _newcomers, _logger) = (sessions, newcomers, logger);
        var pipeline = new ApplicationBuilder(services);
        pipeline.UseTrustedProxy();
        pipeline.Run(endpoint.HandleAsync);
        _admission = pipeline.Build();
    }

    /// <summary>Takes a place, which <see cref="Run"/> gives back; false when there is none.</summary>
    public bool TryBegin()
    {
        if (Interlocked.Increment(ref _underWay) <= MaxAtOnce) return true;
        Interlocked.Decrement(ref _underWay);
        return false;
    }

    /// <summary>Answers the caller, on the thread pool and in its turn.</summary>
    public void Run(Caller caller, RequestHead head) => _ = RunAsync(caller, head);

    // Never throws: whatever happens the caller gets an answer or is closed.
    private async Task RunAsync(Caller caller, RequestHead head)
    {
        await _newcomers.HandshakeAsync();
        try
        {
            if (caller.IsGone)
            {
                caller.Dismiss(); // it has waited for too long, and its place in the line costs no more than this
                return;
            }
            using var body = new MemoryStream();
            var context = head.ToContext(caller.Peer, body);
            var upgrade = new DirectUpgrade();
            context.Features.Set(upgrade);
            context.Features.Set<IHttpWebSocketFeature>(upgrade);
            await _admission(context);
            if (upgrade.Admission is { } admission)
            {
                await AcceptAsync(caller, admission, head.Key);
                return;
            }
            await context.Response.CompleteAsync();
            caller.TrySend(Answer(context.Response, body.ToArray()));
            caller.Dismiss();
        }
        catch (Exception e)
        {
            Log.Failed(_logger, e);
            caller.TrySend("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8);
            caller.Dismiss();
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    private async Task AcceptAsync(Caller caller, Admission admission, string key)
    {
        caller.TrySend(SwitchingProtocols(key, admission.SubProtocol)); // who is gone already is found out by the session
        if (!admission.HasPlace)
        {
            // Browsers see close codes but no statuses, so the reason is told after the upgrade.
            _sessions.GiveBack(admission.Address);
            Bye(caller, CloseCodes.TryAgainLater, "this node is full");
            return;
        }
        try
        {
            await _sessions.OpenAsync(caller, admission);
        }
        catch (Exception e)
        {
            Log.Failed(_logger, e);
            _sessions.GiveBack(admission.Address);
            Bye(caller, CloseCodes.InternalError, "internal");
        }
    }

    private static void Bye(Caller caller, int code, string reason)
    {
        caller.TrySend(WireFrames.Close(code, reason));
        caller.Dismiss();
    }

    /// <summary>What answers a client's <c>Sec-WebSocket-Key</c> (RFC 6455, 4.2.2).</summary>
    public static string AcceptOf(string key) => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));

    private static byte[] SwitchingProtocols(string key, string? subProtocol)
    {
        var protocol = subProtocol is null ? "" : $"Sec-WebSocket-Protocol: {subProtocol}\r\n";
        return Encoding.ASCII.GetBytes(
            $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {AcceptOf(key)}\r\n{protocol}\r\n");
    }

    private static byte[] Answer(HttpResponse response, byte[] body)
    {
        var head = new StringBuilder();
        head.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {response.StatusCode} {ReasonPhrases.GetReasonPhrase(response.StatusCode)}\r\n");
        foreach (var (name, values) in response.Headers)
            foreach (var value in values)
                if (!name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)) head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        head.Append(CultureInfo.InvariantCulture, $"Date: {DateTimeOffset.UtcNow:R}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n");
        return [.. Encoding.ASCII.GetBytes(head.ToString()), .. body];
    }

    private static partial class Log
    {
        [LoggerMessage(1195, LogLevel.Error, "An opening handshake failed")]
        public static partial void Failed(ILogger logger, Exception failure);
    }
}
