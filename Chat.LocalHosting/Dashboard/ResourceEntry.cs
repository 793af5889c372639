using System.Text.Json.Serialization;

namespace Chat.LocalHosting.Dashboard;

/// <summary>One process, as the API shows it.</summary>
internal sealed record ResourceEntry(
    string Name, string Resource, string Type, string? State, string? Health, int? Pid, DateTime? StartedAt, IReadOnlyList<string> Urls)
{
    public string? ConnectionString { get; init; }

    public int? ExitCode { get; init; }

    /// <summary>Of one core.</summary>
    public double? CpuPercent { get; init; }

    public long? MemoryBytes { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IReadOnlyList<ResourceEntry>))]
internal sealed partial class DashboardJson : JsonSerializerContext;
