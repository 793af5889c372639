using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Tokens;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Load;

/// <summary>The system that a scenario runs against, and what its clients share.</summary>
internal sealed class Site : IDisposable
{
    private readonly AccessTokens _tokens;

    private Site(Dashboard dashboard, Route origin, IReadOnlyList<Route> routes, AccessTokens tokens, ProgressDisplay progress)
    {
        (Dashboard, Origin, Routes, Progress) = (dashboard, origin, routes, progress);
        _tokens = tokens;
    }

    public Dashboard Dashboard { get; }

    /// <summary>For preparations.</summary>
    public Route Origin { get; }

    /// <summary>For the clients, in turn.</summary>
    public IReadOnlyList<Route> Routes { get; }

    public ProgressDisplay Progress { get; }

    public RunClock Clock { get; } = new();

    public HttpCalls Http { get; } = new();

    public static async Task<Site> OpenAsync(LoadOptions options, Uri origin, Dashboard dashboard, byte[] signingKey, ProgressDisplay progress, CancellationToken stop)
    {
        var gateway = new Route("gateway", origin);
        var nodes = options.ViaNodes ? await dashboard.ProcessesOfAsync("realtime", stop) : [];
        if (options.ViaNodes && nodes.Count == 0) throw new UsageException("--via nodes: the dashboard shows no process of realtime; use --via gateway.");
        return new Site(dashboard, gateway, options.ViaNodes ? [.. nodes.Select(node => new Route(node.Name, new Uri(node.Urls[0])))] : [gateway], new AccessTokens(signingKey), progress);
    }

    /// <summary>Letters first: ids of one part of a run, on a system that has seen others.</summary>
    public static string NewTag() => $"l{Random.Shared.Next(0x1000000):x6}";

    public IReadOnlyList<User> Users(string prefix, int count) => _tokens.Users(prefix, count);

    public void Dispose() => Http.Dispose();
}
