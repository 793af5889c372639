using System.Text.Json.Serialization;

namespace Chat.LocalHosting.Dashboard;

/// <summary>
/// One process, as the API shows it. What every process has is always there, null while it does not run; the rest only where there is some.
/// </summary>
internal sealed record ResourceEntry(
    string Name, string Resource, string Type, string? State, string? Health, int? Pid, DateTime? StartedAt, IReadOnlyList<string> Urls)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ConnectionString { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ExitCode { get; init; }

    /// <summary>Of one core.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? CpuPercent { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? MemoryBytes { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(IReadOnlyList<ResourceEntry>))]
internal sealed partial class DashboardJson : JsonSerializerContext;
