using System.Globalization;
using System.Net;
using Microsoft.Extensions.Configuration;

/// <summary>
/// What the environment says about the shape of the system. It shapes a running system only:
/// what is published describes the defaults, not the machine that published it.
/// </summary>
internal sealed class Topology
{
    private const int MaxReplicas = 64;
    private const int PublishedMetricsPort = 9464;

    private const string SigningKey = "Chat:Auth:SigningKey";
    private const string BootstrapCode = "Chat:Auth:BootstrapCode";
    private const string ProxySecret = "Chat:Proxy:Secret";

    // Keys and codes of accounts: the nodes' alone.
    private const string AuthSection = "Chat:Auth:";
    private static readonly string[] Files = ["Chat:Tls:Certificate", "Chat:Tls:Key"];

    private readonly IDistributedApplicationBuilder _builder;
    private readonly bool _runs;

    public Topology(IDistributedApplicationBuilder builder)
    {
        _builder = builder;
        _runs = builder.ExecutionContext.IsRunMode;
        Nodes = Number("CHAT_NODES", 2, min: 1, MaxReplicas);
        Persisters = Number("CHAT_PERSISTERS", 1, min: 1, MaxReplicas);
        Frontends = Number("CHAT_FRONTENDS", 1, min: 1, MaxReplicas);
        HttpPort = Number("CHAT_HTTP_PORT", 8080, min: 1, IPEndPoint.MaxPort);
        HttpsPort = Number("CHAT_HTTPS_PORT", 8443, min: 1, IPEndPoint.MaxPort);
        var bind = Text("CHAT_BIND") ?? "127.0.0.1";
        Bind = IPAddress.TryParse(bind, out var address)
            ? address
            : throw new DistributedApplicationException($"CHAT_BIND is '{bind}': it must be an IP address, such as 127.0.0.1 or 0.0.0.0.");

        // The documented name of a secret is its setting's; a parameter is looked up under its own. What the operator gives wins.
        foreach (var (setting, parameter) in new[] { (SigningKey, "signing-key"), (ProxySecret, "proxy-secret"), (BootstrapCode, "bootstrap-code") })
        {
            if (Text(setting) is { } given)
                builder.Configuration[$"Parameters:{parameter}"] = given;
        }
    }

    public int Nodes { get; }

    public int Persisters { get; }

    public int Frontends { get; }

    public IPAddress Bind { get; }

    public int HttpPort { get; }

    public int HttpsPort { get; }

    /// <summary>Where the gateway shows its figures: any free port of this machine, but in a deployment one that can be named to a scraper.</summary>
    public int? MetricsPort => _runs ? null : PublishedMetricsPort;

    /// <summary>
    /// Who can reach the platform could make its first account, the admin: elsewhere than on one's own machine that takes a code.
    /// </summary>
    public bool NeedsBootstrapCode => !_runs || !IPAddress.IsLoopback(Bind) || IsBootstrapCodeGiven;

    /// <summary>The operator knows it already, so nobody need print it.</summary>
    public bool IsBootstrapCodeGiven => Text(BootstrapCode) is not null;

    /// <summary>Files that the processes of one machine share, such as the gateway's development certificate.</summary>
    private string DataDirectory => Path.GetFullPath(Text("CHAT_DATA") ?? ".data", Path.GetFullPath("..", _builder.AppHostDirectory));

    /// <summary>The server that a given connection string names; null = start one.</summary>
    public IResourceBuilder<IResourceWithConnectionString>? External(string name) =>
        _runs && !string.IsNullOrEmpty(_builder.Configuration.GetConnectionString(name)) ? _builder.AddConnectionString(name) : null;

    /// <summary>
    /// The settings that were given to the AppHost as <c>Chat__…</c> or <c>Chat:…</c>, for every service; a secret only for who uses it.
    /// </summary>
    /// <param name="ofNodes">With what only the nodes may know.</param>
    public IEnumerable<KeyValuePair<string, string>> Settings(bool ofNodes)
    {
        if (!_runs)
            yield break;

        yield return new("Chat__DataDirectory", DataDirectory);
        foreach (var (key, value) in _builder.Configuration.GetSection("Chat").AsEnumerable())
        {
            if (value is null || Is(key, ProxySecret) || (!ofNodes && key.StartsWith(AuthSection, StringComparison.OrdinalIgnoreCase)))
                continue;
            // A service runs in a folder of its own; a relative path counts from where the operator stands.
            var isFile = value.Length > 0 && Array.Exists(Files, file => Is(key, file));
            yield return new(key.Replace(":", "__"), isFile ? Path.GetFullPath(value) : value);
        }
    }

    private static bool Is(string key, string other) => key.Equals(other, StringComparison.OrdinalIgnoreCase);

    private int Number(string variable, int usual, int min, int max)
    {
        if (Text(variable) is not { } text)
            return usual;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max
            ? number
            : throw new DistributedApplicationException($"{variable} is '{text}': it must be a number from {min} to {max}.");
    }

    private string? Text(string variable) => _runs && _builder.Configuration[variable] is { Length: > 0 } text ? text : null;
}
