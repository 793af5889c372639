using Chat.Client;
using Chat.Frontend.Session;

namespace Chat.Frontend.Shell;

/// <summary>Makes what a workspace needs to reach the platform in the name of a signed-in browser.</summary>
public sealed class WorkspaceConnection(
    IConfiguration configuration, IHttpClientFactory clients, SharedTokens tokens, BrowserAddress browser, TimeProvider time, ILoggerFactory logs)
{
    private const string NodesKey = "services:realtime:http:0";

    /// <param name="user">Who is at the browser.</param>
    /// <param name="address">Where the browser is, for the limits per address.</param>
    public ChatConnection Create(BrowserSession user, string? address) => new(new ChatClientOptions
    {
        BaseAddress = new Uri(configuration[NodesKey] ?? throw new InvalidOperationException(
            $"No realtime node is configured. Reference the resource 'realtime' in the AppHost, or set {NodesKey.Replace(":", "__")} to a node's address.")),
        AccessTokenProvider = cancellationToken => TokenAsync(user, cancellationToken),
        ConfigureSocket = socket =>
        {
            foreach (var (name, value) in browser.Headers(address)) socket.SetRequestHeader(name, value);
        },
        TimeProvider = time,
        LoggerFactory = logs,
    });

    public ChatApi Api(BrowserSession user) => ApiClient.Create(clients, cancellationToken => TokenAsync(user, cancellationToken));

    private async Task<string?> TokenAsync(BrowserSession user, CancellationToken cancellationToken) =>
        (await tokens.GetAsync(user, cancellationToken))?.AccessToken;
}
