using System.Globalization;
using Chat.LoadTest.CommandLine;

namespace Chat.LoadTest.Load;

/// <summary>How many connections one machine can hold: said before a run, since in the middle of it a missing file handle looks like a fault of the servers.</summary>
internal static class ConnectionLimit
{
    // Linux gives out 28,232 ports to connections from one address to one server; some are in use for other things.
    public const int Most = 25_000;
    // Files of a process besides its connections.
    private const int OtherFiles = 500;

    /// <param name="connections">Asked for.</param>
    /// <param name="options">The gateway has two sockets for each connection that passes through it.</param>
    public static void Check(long connections, LoadOptions options) => Check(connections, options.ViaNodes, options.Attached is null ? OpenFiles() : null);

    /// <param name="connections">Asked for.</param>
    /// <param name="viaNodes">Past the gateway.</param>
    /// <param name="openFiles">The limit of a process of the system, where it is known.</param>
    public static void Check(long connections, bool viaNodes, long? openFiles)
    {
        if (connections > Most) throw new UsageException($"These are {connections} connections, and one machine has ports for {Most}: take fewer.");
        var needed = connections * (viaNodes ? 1 : 2) + OtherFiles;
        if (needed > openFiles)
            throw new UsageException($"{connections} connections {(viaNodes ? "need" : "through the gateway need")} {needed} open files, and the limit is {openFiles}: raise it (ulimit -Hn {needed}){(viaNodes ? "" : ", go past the gateway (--via nodes)")} or take fewer.");
    }

    /// <summary>The hard limit: the .NET runtime raises its own to that. Processes that this one starts inherit it.</summary>
    private static long? OpenFiles()
    {
        if (!OperatingSystem.IsLinux()) return null;
        // "Max open files            1024                 1048576              files"
        var words = File.ReadLines("/proc/self/limits").First(line => line.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return long.TryParse(words[4], CultureInfo.InvariantCulture, out var hard) ? hard : null;
    }
}
