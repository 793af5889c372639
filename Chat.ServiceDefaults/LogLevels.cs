using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Hosting;

namespace Chat.ServiceDefaults;

/// <summary>
/// How loud the libraries are: their Information is a line per statement or heartbeat, which would bury our own lifecycle lines.
/// The lowest of all configuration, so any <c>Logging__LogLevel__…</c> setting wins.
/// </summary>
internal static class LogLevels
{
    private static readonly KeyValuePair<string, string?>[] Defaults =
    [
        new("Logging:LogLevel:Default", "Information"),
        new("Logging:LogLevel:Microsoft.AspNetCore", "Warning"),
        new("Logging:LogLevel:Microsoft.EntityFrameworkCore", "Warning"),
        // A database that is not there yet, or a lost connection, is reported by whoever asked, with what it does about it.
        new("Logging:LogLevel:Microsoft.EntityFrameworkCore.Database.Command", "Critical"),
        new("Logging:LogLevel:Npgsql", "Warning"),
        new("Logging:LogLevel:StackExchange.Redis", "Warning"),
        new("Logging:LogLevel:System.Net.Http", "Warning"),
        new("Logging:LogLevel:Polly", "Warning"),
        new("Logging:LogLevel:Yarp", "Warning"),
    ];

    public static void AddLogLevelDefaults(this IHostApplicationBuilder builder) =>
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = Defaults });
}
