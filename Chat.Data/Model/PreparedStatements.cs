using System.Data.Common;
using Npgsql;

namespace Chat.Data.Model;

/// <summary>Has a client of Postgres prepare what it asks again and again: planning costs more than most of our questions.</summary>
public static class PreparedStatements
{
    // Of each pooled connection. There are about so many questions in all.
    private const int MaxPerConnection = 60;
    private static readonly string[] Keywords = ["Max Auto Prepare", "MaxAutoPrepare"];

    /// <summary>The connection string with <c>Max Auto Prepare</c>, unless it says so itself: 0 for a pooler that shares connections between transactions.</summary>
    public static string? In(string? connectionString)
    {
        if (string.IsNullOrEmpty(connectionString))
            return connectionString;
        var given = new DbConnectionStringBuilder { ConnectionString = connectionString };
        return Keywords.Any(given.ContainsKey) ? connectionString : new NpgsqlConnectionStringBuilder(connectionString) { MaxAutoPrepare = MaxPerConnection }.ConnectionString;
    }
}
