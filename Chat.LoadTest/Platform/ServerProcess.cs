using System.Text.Json.Serialization;

namespace Chat.LoadTest.Platform;

/// <summary>One process, as the dashboard of the local engine shows it.</summary>
internal sealed record ServerProcess
{
    [JsonPropertyName("name")]
    public required string Name { get; init; }

    [JsonPropertyName("resource")]
    public required string Resource { get; init; }

    [JsonPropertyName("health")]
    public string? Health { get; init; }

    [JsonPropertyName("pid")]
    public int? Pid { get; init; }

    [JsonPropertyName("urls")]
    public IReadOnlyList<string> Urls { get; init; } = [];

    [JsonPropertyName("connection_string")]
    public string? ConnectionString { get; init; }

    [JsonIgnore]
    public bool IsHealthy => Pid is not null && Health == "Healthy";
}
