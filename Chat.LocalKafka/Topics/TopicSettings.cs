using System.Collections.Frozen;
using System.Globalization;
using Chat.LocalKafka.Log;

namespace Chat.LocalKafka.Topics;

/// <summary>One topic configuration that this broker knows: how it is checked and whether changing it does anything.</summary>
internal sealed record TopicSetting(string Name, Func<LogConfig, string> Default, Func<string, bool> IsValid, string Rule);

/// <summary>A configuration as a topic has it, and where it comes from in Kafka's numbers.</summary>
internal readonly record struct EffectiveSetting(string Name, string Value, sbyte Source)
{
    public const sbyte FromTopic = 1;
    public const sbyte FromBroker = 4;
    public const sbyte FromDefault = 5;
}

/// <summary>
/// The topic configurations by Kafka's names. A name or value that this broker cannot honour is refused, never stored without effect.
/// </summary>
internal static class TopicSettings
{
    private static readonly FrozenDictionary<string, TopicSetting> Known = new TopicSetting[]
    {
        new("cleanup.policy", _ => "delete", v => v == "delete", "only delete: this broker does not compact"),
        new("compression.type", _ => "producer", v => v == "producer", "only producer: batches are kept as they come"),
        new("max.message.bytes", d => Text(d.MaxMessageBytes), v => Number(v) is >= RecordBatch.HeaderSize and <= int.MaxValue, "bytes, at least 61"),
        new("message.timestamp.type", d => d.AppendTime ? "LogAppendTime" : "CreateTime", v => v is "CreateTime" or "LogAppendTime", "CreateTime or LogAppendTime"),
        new("min.insync.replicas", _ => "1", v => v == "1", "only 1: there is one machine"),
        new("retention.bytes", d => Text(d.RetentionBytes), v => Number(v) is >= -1, "bytes per partition, -1 = no limit"),
        new("retention.ms", d => Text(d.RetentionMs), v => Number(v) is >= -1, "milliseconds, -1 = for ever"),
        new("segment.bytes", d => Text(d.SegmentBytes), v => Number(v) is >= 14 and <= int.MaxValue, "bytes, at least 14"),
        new("segment.ms", d => Text(d.SegmentMs), v => Number(v) is >= 1, "milliseconds, at least 1"),
    }.ToFrozenDictionary(s => s.Name);

    public static IEnumerable<TopicSetting> All => Known.Values.OrderBy(s => s.Name, StringComparer.Ordinal);

    public static EffectiveSetting[] Describe(IReadOnlyDictionary<string, string> settings, LogConfig defaults) =>
        [.. All.Select(s => settings.TryGetValue(s.Name, out var value)
            ? new EffectiveSetting(s.Name, value, EffectiveSetting.FromTopic)
            : new EffectiveSetting(s.Name, s.Default(defaults), EffectiveSetting.FromDefault))];

    /// <summary>What is wrong with the settings, or null.</summary>
    public static string? FindFault(IEnumerable<KeyValuePair<string, string?>> settings)
    {
        foreach (var (name, value) in settings)
        {
            if (!Known.TryGetValue(name, out var setting))
                return $"Unknown topic config name: {name}";
            if (value is null || !setting.IsValid(value))
                return $"Invalid value {value ?? "null"} for configuration {name}: {setting.Rule}";
        }

        return null;
    }

    public static LogConfig Apply(LogConfig defaults, IReadOnlyDictionary<string, string> settings) => new(
        settings.TryGetValue("retention.ms", out var retention) ? Number(retention)!.Value : defaults.RetentionMs,
        settings.TryGetValue("retention.bytes", out var bytes) ? Number(bytes)!.Value : defaults.RetentionBytes,
        settings.TryGetValue("segment.bytes", out var segment) ? (int)Number(segment)!.Value : defaults.SegmentBytes,
        settings.TryGetValue("segment.ms", out var age) ? Number(age)!.Value : defaults.SegmentMs,
        settings.TryGetValue("max.message.bytes", out var max) ? (int)Number(max)!.Value : defaults.MaxMessageBytes,
        settings.TryGetValue("message.timestamp.type", out var type) ? type == "LogAppendTime" : defaults.AppendTime,
        defaults.RetentionFromArrival && !settings.ContainsKey("retention.ms"));

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static long? Number(string value) =>
        long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
}
