using System.Net;
using Chat.Realtime.Limits;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Connections;

/// <summary>
/// How many connections this node lets a user and an address have, and how fast an address may make new ones. A place is taken before the upgrade and
/// given back with the connection. A user's limit over all nodes is <see cref="UserConnections"/>' business.
/// </summary>
internal sealed class ConnectionLimits(RateLimiter limiter, IOptions<LimitOptions> options)
{
    // That a connection ends is not announced; a second is short for a person and long for a loop.
    private const int RetryAfterMs = 1_000;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _byUser = [];
    private readonly Dictionary<IPAddress, int> _byAddress = [];

    /// <summary>Milliseconds until the address may try again; null when it may now.</summary>
    public async ValueTask<int?> TakeHandshakeAsync(IPAddress address, CancellationToken cancellationToken) =>
        IsFull(_byAddress, address, options.Value.ConnectionsPerAddress)
            ? RetryAfterMs
            : await limiter.TakeHandshakeAsync(address.ToString(), cancellationToken);

    /// <summary>Takes a place; false when the user has as many as allowed. <see cref="Leave"/> is due in either case.</summary>
    public bool Enter(string userId, IPAddress address)
    {
        lock (_gate)
        {
            Change(_byUser, userId, +1);
            Change(_byAddress, address, +1);
            return !options.Value.Enabled || options.Value.ConnectionsPerUser == 0 || _byUser[userId] <= options.Value.ConnectionsPerUser;
        }
    }

    public void Leave(string userId, IPAddress address)
    {
        lock (_gate)
        {
            Change(_byUser, userId, -1);
            Change(_byAddress, address, -1);
        }
    }

    private bool IsFull<T>(Dictionary<T, int> counts, T key, int limit) where T : notnull
    {
        lock (_gate) return options.Value.Enabled && limit > 0 && counts.GetValueOrDefault(key) >= limit;
    }

    private static void Change<T>(Dictionary<T, int> counts, T key, int by) where T : notnull
    {
        var count = counts.GetValueOrDefault(key) + by;
        if (count == 0) counts.Remove(key);
        else counts[key] = count;
    }
}
