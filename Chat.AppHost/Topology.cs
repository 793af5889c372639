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

        // The documented name of the key is its setting's; a parameter is looked up under its own.
        if (_runs && builder.Configuration["Chat:Auth:SigningKey"] is { Length: > 0 } signingKey)
            builder.Configuration["Parameters:signing-key"] = signingKey;
    }

    public int Nodes { get; }

    public int Persisters { get; }

    public int Frontends { get; }

    public IPAddress Bind { get; }

    public int HttpPort { get; }

    public int HttpsPort { get; }

    /// <summary>Files that the processes of one machine share, such as the gateway's development certificate.</summary>
    private string DataDirectory => Path.GetFullPath(Text("CHAT_DATA") ?? ".data", Path.GetFullPath("..", _builder.AppHostDirectory));

    /// <summary>The server that a given connection string names; null = start one.</summary>
    public IResourceBuilder<IResourceWithConnectionString>? External(string name) =>
        _runs && !string.IsNullOrEmpty(_builder.Configuration.GetConnectionString(name)) ? _builder.AddConnectionString(name) : null;

    /// <summary>Every setting that was given to the AppHost as <c>Chat__…</c> or <c>Chat:…</c>, for every service.</summary>
    public IEnumerable<KeyValuePair<string, string>> Settings()
    {
        if (!_runs)
            yield break;

        yield return new("Chat__DataDirectory", DataDirectory);
        foreach (var (key, value) in _builder.Configuration.GetSection("Chat").AsEnumerable())
        {
            if (value is not null)
                yield return new(key.Replace(":", "__"), value);
        }
    }

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
