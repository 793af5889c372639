using System.Globalization;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Connections;

/// <summary>
/// How many client connections this process can hold: as configured, else what its limit of open files leaves. Over it a client gets 1013 and goes to
/// another node; without it the system itself would refuse, and take the connections to Redis, Kafka and Postgres along.
/// </summary>
internal sealed class NodeCapacity(IOptions<ConnectionOptions> options)
{
    // For Redis, Kafka and Postgres, the API's requests, log files, and connections that are only being refused.
    private const int ReservedFiles = 1_000;
    private const string Limits = "/proc/self/limits";
    private const string OpenFiles = "Max open files";

    public int MaxConnections { get; } = options.Value.MaxConnections > 0 ? options.Value.MaxConnections : OfFileLimit();

    private static int OfFileLimit()
    {
        // Systems without the file have no such limit, or one that they raise by themselves.
        if (!File.Exists(Limits)) return int.MaxValue;
        var line = File.ReadLines(Limits).FirstOrDefault(line => line.StartsWith(OpenFiles, StringComparison.Ordinal));
        var soft = line?[OpenFiles.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return int.TryParse(soft, CultureInfo.InvariantCulture, out var files) ? Math.Max(1, files - Math.Min(ReservedFiles, files / 2)) : int.MaxValue;
    }
}
