using System.Data.Common;
using Npgsql;

namespace Chat.Data.Model;

/// <summary>How our processes use Postgres, where the connection string does not say otherwise.</summary>
public static class PostgresClient
{
    // What a machine's cores can work on at a time. When thousands ask at once, waiting here costs nothing; a process of the server for each of them takes
    // longer to start than the question takes, and the server has a limit for all clients together.
    private const int MaxConnections = 20;
    // Of each connection: planning costs more than most of our questions, of which there are about so many in all.
    private const int MaxPrepared = 60;

    /// <summary>
    /// The connection string with <c>Maximum Pool Size</c> and with <c>Max Auto Prepare</c>, each unless it says so itself (the latter 0 for a pooler that shares
    /// connections between transactions).
    /// </summary>
    public static string? Configure(string? connectionString)
    {
        if (string.IsNullOrEmpty(connectionString))
            return connectionString;
        var given = new DbConnectionStringBuilder { ConnectionString = connectionString };
        var complete = new NpgsqlConnectionStringBuilder(connectionString);
        if (!Says("Maximum Pool Size", "MaxPoolSize", "Max Pool Size", "MaximumPoolSize")) complete.MaxPoolSize = Math.Max(MaxConnections, complete.MinPoolSize);
        if (!Says("Max Auto Prepare", "MaxAutoPrepare")) complete.MaxAutoPrepare = MaxPrepared;
        return complete.ConnectionString;

        bool Says(params string[] keywords) => keywords.Any(given.ContainsKey);
    }
}
