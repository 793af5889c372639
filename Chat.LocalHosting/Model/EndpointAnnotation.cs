using System.Net.Sockets;

namespace Aspire.Hosting.ApplicationModel;

/// <summary>
/// One endpoint of a resource. Proxied: callers use one address (<see cref="Port"/>), behind which each replica has a port of its own.
/// Not proxied: <see cref="Port"/> and <see cref="TargetPort"/> are the same, and the process itself listens there.
/// </summary>
public sealed class EndpointAnnotation : IResourceAnnotation
{
    private int? _port;
    private int? _targetPort;
    private string? _transport;

    public EndpointAnnotation(
        ProtocolType protocol, string? uriScheme = null, string? transport = null, string? name = null,
        int? port = null, int? targetPort = null, bool? isExternal = null, bool? isProxied = null)
    {
        Protocol = protocol;
        UriScheme = uriScheme ?? protocol.ToString().ToLowerInvariant();
        Name = name ?? UriScheme;
        ModelName.Validate("endpoint", Name);
        _transport = transport;
        _port = port;
        _targetPort = targetPort;
        IsExternal = isExternal ?? false;
        IsProxied = isProxied ?? true;
    }

    public string Name { get; set; }

    public ProtocolType Protocol { get; set; }

    public string UriScheme { get; set; }

    /// <summary>The address that the process binds.</summary>
    public string TargetHost { get; set; } = "localhost";

    public int? Port
    {
        get => _port ?? (IsProxied ? null : _targetPort);
        set => _port = value;
    }

    public int? TargetPort
    {
        get => _targetPort ?? (IsProxied ? null : _port);
        set => _targetPort = value;
    }

    public string Transport
    {
        get => _transport ?? (UriScheme is "http" or "https" ? "http" : Protocol.ToString().ToLowerInvariant());
        set => _transport = value;
    }

    public bool IsExternal { get; set; }

    public bool IsProxied { get; set; }

    public bool TlsEnabled => UriScheme == "https";

    /// <summary>Where callers reach the endpoint while the application runs; null before it starts.</summary>
    public AllocatedEndpoint? AllocatedEndpoint { get; set; }

    /// <summary>The variable that tells the process its own port.</summary>
    internal string? TargetPortEnvironmentVariable { get; set; }

    /// <summary>The port on which each replica listens, by its index; given out when the application starts.</summary>
    internal IReadOnlyList<int> ReplicaPorts { get; set; } = [];
}

/// <summary>The address that was given to an endpoint.</summary>
public sealed class AllocatedEndpoint(EndpointAnnotation endpoint, string address, int port)
{
    public EndpointAnnotation Endpoint { get; } = endpoint;

    public string Address { get; } = address;

    public int Port { get; } = port;

    public string UriString => $"{Endpoint.UriScheme}://{Address}:{Port}";
}
