using System.Globalization;

namespace Chat.LoadTest.Platform;

/// <summary>What the .NET runtime of a process says of its garbage collector on <c>/metrics</c>.</summary>
/// <param name="Collections">By generation; those of a higher one are not counted in the lower ones.</param>
/// <param name="PauseSeconds">In all.</param>
/// <param name="HeapBytes">After the last collection.</param>
/// <param name="AllocatedBytes">In all.</param>
internal sealed record RuntimeMetrics(IReadOnlyList<long> Collections, double PauseSeconds, double HeapBytes, double AllocatedBytes)
{
    private const int Generations = 3;

    /// <summary>Null when the text has nothing of a runtime.</summary>
    public static RuntimeMetrics? Parse(string text)
    {
        var samples = text.Split('\n').Where(line => line.StartsWith("dotnet_gc_", StringComparison.Ordinal)).ToList();
        if (samples.Count == 0) return null;
        return new RuntimeMetrics(
            [.. Enumerable.Range(0, Generations).Select(generation => (long)Sum("dotnet_gc_collections_total", $"\"gen{generation}\""))],
            Sum("dotnet_gc_pause_time_seconds_total"), Sum("dotnet_gc_last_collection_heap_size_bytes"), Sum("dotnet_gc_heap_total_allocated_bytes_total"));

        double Sum(string name, string label = "") => samples
            .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is '{' or ' ' && line.Contains(label, StringComparison.Ordinal))
            .Sum(ValueOf);
    }

    /// <summary>What came in between.</summary>
    public RuntimeMetrics Since(RuntimeMetrics before) => this with
    {
        Collections = [.. Collections.Zip(before.Collections, (now, then) => now - then)],
        PauseSeconds = PauseSeconds - before.PauseSeconds,
        AllocatedBytes = AllocatedBytes - before.AllocatedBytes,
    };

    // "name{labels} value", and a time behind it where the exporter says one.
    private static double ValueOf(string line)
    {
        var rest = line[(line.LastIndexOf('}') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return double.Parse(line.Contains('}') ? rest[0] : rest[1], CultureInfo.InvariantCulture);
    }
}
