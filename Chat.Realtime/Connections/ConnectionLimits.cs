using System.Net;
using Chat.Realtime.Limits;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Connections;

/// <summary>
/// How many connections this node has in all and lets an address have, and how fast an address may make new ones. A place is taken before the upgrade
/// and given back with the connection. What a user may have is <see cref="UserConnections"/>' business.
/// </summary>
internal sealed class ConnectionLimits(RateLimiter limiter, NodeCapacity capacity, IOptions<LimitOptions> options)
{
    // That a connection ends is not announced; a second is short for a person and long for a loop.
    private const int RetryAfterMs = 1_000;
    private readonly Lock _gate = new();
    private readonly Dictionary<IPAddress, int> _byAddress = [];
    private int _count;

    /// <summary>Milliseconds until the address may try again; null when it may now.</summary>
    public async ValueTask<int?> TakeHandshakeAsync(IPAddress address, CancellationToken cancellationToken) =>
        IsFull(address)
            ? RetryAfterMs
            : await limiter.TakeHandshakeAsync(address.ToString(), cancellationToken);

    /// <summary>Takes a place; false when the node has as many connections as it can hold. <see cref="Leave"/> is due in either case.</summary>
    public bool Enter(IPAddress address)
    {
        lock (_gate)
        {
            _byAddress[address] = _byAddress.GetValueOrDefault(address) + 1;
            return ++_count <= capacity.MaxConnections;
        }
    }

    public void Leave(IPAddress address)
    {
        lock (_gate)
        {
            _count--;
            if (--_byAddress[address] == 0) _byAddress.Remove(address);
        }
    }

    private bool IsFull(IPAddress address)
    {
        lock (_gate) return options.Value is { Enabled: true, ConnectionsPerAddress: > 0 and var limit } && _byAddress.GetValueOrDefault(address) >= limit;
    }
}
