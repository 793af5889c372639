using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Crowds;

/// <summary>Which process of the dashboard a client's node is.</summary>
internal static class NodeNames
{
    /// <summary>Names by the ids that the nodes say to their clients.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> FindAsync(Dashboard dashboard, string token, CancellationToken stop)
    {
        var names = new Dictionary<string, string>();
        foreach (var node in await dashboard.ProcessesOfAsync("realtime", stop))
        {
            try
            {
                using var socket = await ChatSocket.ConnectAsync(0, new Route(node.Name, new Uri(node.Urls[0])), token, stop);
                if (await socket.ReceiveAsync() is { } welcome) names[welcome.Text("node_id")] = node.Name;
            }
            catch (LinkLostException away)
            {
                throw new UsageException($"{node.Name} is healthy and cannot be reached at {node.Urls[0]}: {away.InnerException?.Message}");
            }
        }
        return names;
    }
}
