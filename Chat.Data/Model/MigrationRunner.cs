using System.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chat.Data.Model;

/// <summary>
/// Brings the database up to this build's schema. Any process may call it at start: one at a time migrates, by an advisory lock, and the
/// others find nothing left to do. It waits for a Postgres that is still starting, with growing pauses.
/// </summary>
public sealed partial class MigrationRunner(IServiceScopeFactory scopes, TimeProvider time, ILogger<MigrationRunner> logger)
{
    // Any constant, as long as every process uses the same one.
    private const long LockKey = 0x63686174_00000001;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <summary>Completes when the schema is current; keeps trying while Postgres cannot be reached.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var pause = FirstPause;
        while (true)
        {
            try
            {
                await MigrateOnceAsync(cancellationToken);
                return;
            }
            catch (Exception e) when (IsPassing(e))
            {
                Log.Waiting(logger, e.Message, pause.TotalMilliseconds);
            }
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task MigrateOnceAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<ChatDb>();
        await CreateDatabaseAsync(db, cancellationToken);
        // One connection for the lock and for what is done under it: when it breaks, the lock goes with it.
        await db.Database.OpenConnectionAsync(cancellationToken);
        var timeout = db.Database.GetCommandTimeout();
        db.Database.SetCommandTimeout(TimeSpan.FromMinutes(10)); // waiting for another process' migration, and migrating large tables
        try
        {
            await db.Database.ExecuteSqlAsync($"select pg_advisory_lock({LockKey})", cancellationToken);
            var pending = (await db.Database.GetPendingMigrationsAsync(cancellationToken)).ToList();
            if (pending.Count == 0) return;
            await db.Database.MigrateAsync(cancellationToken);
            Log.Migrated(logger, string.Join(", ", pending));
        }
        finally
        {
            // The connection goes back to its pool, which would keep the lock.
            if (db.Database.GetDbConnection().State == ConnectionState.Open)
                await db.Database.ExecuteSqlAsync($"select pg_advisory_unlock_all()", CancellationToken.None);
            db.Database.SetCommandTimeout(timeout);
            await db.Database.CloseConnectionAsync();
        }
    }

    private static async Task CreateDatabaseAsync(ChatDb db, CancellationToken cancellationToken)
    {
        var creator = db.GetService<IRelationalDatabaseCreator>();
        if (await creator.ExistsAsync(cancellationToken)) return;
        try
        {
            await creator.CreateAsync(cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
        {
            // Another process made it between the question and the answer: it is there, which is what was wanted.
        }
    }

    private static bool IsPassing(Exception e) => e switch
    {
        PostgresException { SqlState: PostgresErrorCodes.ObjectInUse } => true, // the template database is being copied by another process
        NpgsqlException { IsTransient: true } => true,
        RetryLimitExceededException or TimeoutException => true,
        { InnerException: { } inner } => IsPassing(inner),
        _ => false,
    };

    private static partial class Log
    {
        [LoggerMessage(2001, LogLevel.Warning, "Postgres is not ready for migrations: {Reason}; next try in {PauseMs} ms")]
        public static partial void Waiting(ILogger logger, string reason, double pauseMs);

        [LoggerMessage(2002, LogLevel.Information, "Database migrated: {Migrations}")]
        public static partial void Migrated(ILogger logger, string migrations);
    }
}
