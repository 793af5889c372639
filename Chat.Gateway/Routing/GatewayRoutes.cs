using Chat.Contracts;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;

namespace Chat.Gateway.Routing;

/// <summary>What goes where: the API and the sockets to the nodes, everything else to the interface.</summary>
public static class GatewayRoutes
{
    public const string Nodes = "nodes";
    public const string Hubs = "hubs";
    public const string Frontends = "frontends";

    /// <summary>A target that does not take a connection within this time is as good as dead.</summary>
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    // Nothing in either direction for so long ends a request. The platform pings WebSockets every 20 s and answers long polls within
    // 30 s, so only what hangs is cut, well after the platform itself would have.
    private static readonly TimeSpan ActivityTimeout = TimeSpan.FromMinutes(3);

    private static readonly ForwarderRequestConfig Request = new()
    {
        ActivityTimeout = ActivityTimeout,
        Version = new Version(1, 1),
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        AllowResponseBuffering = false,
    };

    private static readonly HealthCheckConfig Health = new()
    {
        // A target is marked by ConnectRetry; when all are, they are tried all the same.
        Passive = new PassiveHealthCheckConfig { Enabled = true },
        AvailableDestinationsPolicy = HealthCheckConstants.AvailableDestinations.HealthyOrPanic,
    };

    public static IReadOnlyList<RouteConfig> All { get; } =
    [
        To(Nodes, "/api/{**rest}"),
        To(Nodes, "/ws"),
        To(Hubs, "/hubs/{**rest}"),
        To(Nodes, "/openapi/{**rest}"),
        To(Frontends, "/{**rest}"),
    ];

    /// <summary>Who answers. A route whose cluster is not there cannot answer, so all of them stand from the start, be they empty.</summary>
    public static IReadOnlyList<ClusterConfig> Clusters(IReadOnlyList<NodeLease> nodes, IReadOnlyList<NodeLease> frontends) =>
        [NodeCluster(nodes), HubCluster(nodes), FrontendCluster(frontends)];

    private static ClusterConfig NodeCluster(IEnumerable<NodeLease> nodes) => new()
    {
        ClusterId = Nodes,
        LoadBalancingPolicy = LoadBalancingPolicies.PowerOfTwoChoices,
        HttpRequest = Request,
        HealthCheck = Health,
        Destinations = Destinations(nodes),
    };

    // The nodes again: a hub connection is negotiated with one of them and lives there, over several requests.
    private static ClusterConfig HubCluster(IEnumerable<NodeLease> nodes) => NodeCluster(nodes) with { ClusterId = Hubs, SessionAffinity = Affinity("chat.hub") };

    // The instances of the interface: a circuit lives in one of them.
    private static ClusterConfig FrontendCluster(IEnumerable<NodeLease> frontends) => new()
    {
        ClusterId = Frontends,
        LoadBalancingPolicy = LoadBalancingPolicies.PowerOfTwoChoices,
        SessionAffinity = Affinity("chat.instance"),
        HttpRequest = Request,
        HealthCheck = Health,
        Destinations = Destinations(frontends),
    };

    private static RouteConfig To(string cluster, string path) => new()
    {
        RouteId = $"{cluster} {path}",
        ClusterId = cluster,
        Match = new RouteMatch { Path = path },
        Order = cluster == Frontends ? 2 : 1,
    };

    // The browser finds its instance again by this cookie.
    private static SessionAffinityConfig Affinity(string cookie) => new()
    {
        Enabled = true,
        Policy = "HashCookie",
        FailurePolicy = "Redistribute",
        AffinityKeyName = cookie,
        Cookie = new SessionAffinityCookieConfig { HttpOnly = true, IsEssential = true, SameSite = SameSiteMode.Lax },
    };

    private static Dictionary<string, DestinationConfig> Destinations(IEnumerable<NodeLease> leases) =>
        leases.ToDictionary(lease => lease.NodeId, lease => new DestinationConfig { Address = lease.Address });
}
