using System.Data.Common;
using Chat.Contracts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chat.Data.Model;

/// <summary>
/// Runs one piece of database work in a context of its own, within a deadline. Postgres being away is a <see cref="ChatException"/>
/// <c>unavailable</c>, never a hanging request. Work may run twice after a lost connection, so it must decide from what it reads.
/// </summary>
public sealed partial class UnitOfWork(IServiceScopeFactory scopes, TimeProvider time, ILogger<UnitOfWork> logger)
{
    /// <summary>Longest time for one piece of work, retries included, where the caller does not say.</summary>
    private static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(5);
    /// <summary>So long after Postgres failed to answer, callers who have another way do not wait for it.</summary>
    private static readonly TimeSpan Spared = TimeSpan.FromSeconds(1);
    private const int RetryAfterMs = 1000;

    private long _awayUntil; // ticks; 0 while Postgres answers
    private int _probing;

    /// <summary>True from the moment Postgres could not be reached, but for one caller a second, who finds out whether it is back.</summary>
    public bool IsAway => Interlocked.Read(ref _awayUntil) is > 0 and var until && (Volatile.Read(ref _probing) == 1 || time.GetUtcNow().UtcTicks < until);

    /// <summary>Reads, or makes single statements that need no transaction.</summary>
    public Task<T> RunAsync<T>(Func<ChatDb, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        GuardAsync(work, DefaultDeadline, cancellationToken);

    /// <summary>As <see cref="RunAsync"/> for callers with another way to go on: they wait at most <paramref name="patience"/>, and not at all while <see cref="IsAway"/>.</summary>
    public async Task<T> TryRunAsync<T>(Func<ChatDb, CancellationToken, Task<T>> work, TimeSpan patience, CancellationToken cancellationToken)
    {
        if (IsAway) throw Unavailable();
        var probe = Interlocked.Read(ref _awayUntil) > 0;
        if (probe && Interlocked.Exchange(ref _probing, 1) == 1) throw Unavailable();
        try
        {
            return await GuardAsync(work, patience, cancellationToken);
        }
        finally
        {
            if (probe) Volatile.Write(ref _probing, 0);
        }
    }

    /// <summary>Runs <paramref name="work"/> in a transaction that is committed when it returns; changes of tracked entities are saved before.</summary>
    public Task<T> TransactAsync<T>(Func<ChatDb, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        GuardAsync((db, token) => db.Database.CreateExecutionStrategy().ExecuteAsync(async inner =>
        {
            db.ChangeTracker.Clear();
            await using var transaction = await db.Database.BeginTransactionAsync(inner);
            var result = await work(db, inner);
            await db.SaveChangesAsync(inner);
            await transaction.CommitAsync(inner);
            return result;
        }, token), DefaultDeadline, cancellationToken);

    private async Task<T> GuardAsync<T>(Func<ChatDb, CancellationToken, Task<T>> work, TimeSpan within, CancellationToken cancellationToken)
    {
        // Whoever asks may run on a thread on which others wait for their turn, and the first query of a kind takes a while until it waits itself.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(within);
        await using var scope = scopes.CreateAsyncScope();
        try
        {
            var result = await work(scope.ServiceProvider.GetRequiredService<ChatDb>(), deadline.Token);
            Interlocked.Exchange(ref _awayUntil, 0);
            return result;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && MeansAway(e))
        {
            // Tables that are only being made answer at once: nobody has to be spared.
            if (!IsUnprepared(e)) Interlocked.Exchange(ref _awayUntil, (time.GetUtcNow() + Spared).UtcTicks);
            Log.Away(logger, e.Message);
            throw Unavailable();
        }
    }

    private static ChatException Unavailable() => new(ErrorCodes.Unavailable, "The database cannot be reached now.", RetryAfterMs);

    private static bool MeansAway(Exception e) => e switch
    {
        OperationCanceledException or TimeoutException or RetryLimitExceededException => true,
        _ when IsUnprepared(e) => true,
        DbException { SqlState: not null } refused => refused.IsTransient,
        DbException => true, // the connection itself: refused, reset, or lost half-way
        { InnerException: { } inner } => MeansAway(inner),
        _ => false,
    };

    // A process that has just started serves what it can while the tables are being made.
    private static bool IsUnprepared(Exception e) =>
        e is DbException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidCatalogName };

    private static partial class Log
    {
        [LoggerMessage(2003, LogLevel.Warning, "Database work was given up: {Reason}")]
        public static partial void Away(ILogger logger, string reason);
    }
}
