using System.Globalization;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Reporting;

namespace Chat.LoadTest.Load;

/// <summary>What the processes used, as a table and as curves.</summary>
internal static class ProcessReport
{
    private const double Mega = 1024 * 1024;
    private const string Unknown = "not available";

    public static Table Table(string title, IReadOnlyList<ProcessUse> processes) => new(
        title, ["process", "CPU, s", "cores", "PSS before, MB", "PSS after, MB", "RSS after, MB", "collections gen 0/1/2", "paused, ms", "allocated, MB", "heap, MB"],
        [
            .. processes.Select(process => new[]
            {
                process.Name, Number(process.CpuSeconds, "0.00"), Number(process.Cores, "0.000"),
                Megabytes(process.Before?.PssBytes), Megabytes(process.After?.PssBytes), Megabytes(process.After?.RssBytes),
                process.Runtime is { } runtime ? string.Join('/', runtime.Collections) : Unknown,
                process.Runtime is { } paused ? Number(1000 * paused.PauseSeconds, "0.0") : Unknown,
                Megabytes(process.Runtime?.AllocatedBytes), Megabytes(process.Runtime?.HeapBytes),
            }),
        ]);

    public static Chart CpuChart(string title, IReadOnlyList<ProcessUse> processes) =>
        new(title, "s", "cores", [.. processes.Select(process => new Curve(process.Name, [.. process.Curve.Select(point => new Point(point.At.TotalSeconds, point.Cores))]))]);

    public static string Megabytes(double? bytes) => bytes is { } known ? Number(known / Mega, "#,0.0") : Unknown;

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
