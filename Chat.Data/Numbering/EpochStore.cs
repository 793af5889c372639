using Chat.Contracts;
using Microsoft.Extensions.Logging;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Data.Numbering;

/// <summary>An epoch of the numbering and when it began.</summary>
public readonly record struct NumberingEpoch(int Number, DateTimeOffset StartedAt);

/// <summary>
/// The epoch in which events are numbered. Postgres says which one is current; Redis only repeats it. An epoch is current only after its script and
/// its guard have certainly reached Redis, and one whose outcome is unknown is never used, so no two servers ever number in the same epoch.
/// With a new epoch every partition of the log is closed (<see cref="OpenPartitions"/>).
/// </summary>
public sealed partial class EpochStore(NpgsqlDataSource database, IConnectionMultiplexer redis, EpochGuards guards, ILogger<EpochStore> logger) : IDisposable
{
    // Takeovers of all processes wait for one another under this advisory lock: "chatepoc" in ASCII.
    private const long TakeoverLock = 0x63686174_65706f63;
    private const int NoEpoch = -1;
    // Of the guards of a cluster: what is under way at once is answered well within a command's time-out.
    private const int GuardsAtOnce = 4_096;
    private static readonly TimeSpan TakeoverTimeout = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _oneAtATime = new(1);
    private volatile NumberingScript? _script;
    private long _startedAtTicks;

    /// <summary>The current epoch as this process knows it; asks Postgres the first time. Throws <see cref="NumberingUnavailableException"/>.</summary>
    public async ValueTask<NumberingEpoch> GetAsync(CancellationToken cancellationToken)
    {
        var script = await GetScriptAsync(cancellationToken);
        return new NumberingEpoch(script.Epoch, new DateTimeOffset(Volatile.Read(ref _startedAtTicks), TimeSpan.Zero));
    }

    /// <summary>Asks Postgres again, after it has named another epoch than <paramref name="outdated"/>. Throws <see cref="NumberingUnavailableException"/>.</summary>
    public async Task RefreshAsync(int outdated, CancellationToken cancellationToken) => await ReplaceAsync(outdated, outdated, cancellationToken);

    /// <summary>The current epoch as this process knows it; -1 before it knows one. Never falls.</summary>
    public int Known => _script?.Epoch ?? NoEpoch;

    /// <summary>
    /// The epoch in which Redis numbers now. A server that has lost the guard or the script is found here, before anybody has numbered: a takeover
    /// begins at once. Throws <see cref="NumberingUnavailableException"/>.
    /// </summary>
    public Task<int> EnsureInForceAsync(CancellationToken cancellationToken) => EnsureInForceAsync(guards.Some(), cancellationToken);

    /// <summary>As <see cref="EnsureInForceAsync(CancellationToken)"/>, where the room is numbered: other shards may be away.</summary>
    public Task<int> EnsureInForceAsync(string roomId, CancellationToken cancellationToken) => EnsureInForceAsync([guards.Of(roomId)], cancellationToken);

    /// <summary>The script of the current epoch as this process knows it.</summary>
    internal async ValueTask<NumberingScript> GetScriptAsync(CancellationToken cancellationToken)
    {
        if (_script is { } known)
            return known;
        try
        {
            return await ReplaceAsync(NoEpoch, NoEpoch, cancellationToken);
        }
        catch (NumberingUnavailableException away)
        {
            return await FindInRedisAsync(cancellationToken) ?? throw new NumberingUnavailableException(away.Message, away);
        }
    }

    /// <summary>
    /// Redis refused <paramref name="refused"/>: finds the epoch that replaced it or starts a fresh one above <paramref name="seen"/>, the latest epoch
    /// that Redis mentioned. Throws <see cref="NumberingUnavailableException"/> after at most 5 seconds.
    /// </summary>
    internal async Task<NumberingScript> ReplaceAsync(int refused, int seen, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(TakeoverTimeout);
        try
        {
            await _oneAtATime.WaitAsync(deadline.Token);
            try
            {
                if (_script is { } current && current.Epoch > refused)
                    return current;
                return await FindOrStartAsync(refused, seen, deadline.Token);
            }
            finally
            {
                _oneAtATime.Release();
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new NumberingUnavailableException($"Finding the current epoch took longer than {TakeoverTimeout.TotalSeconds} s.");
        }
        catch (Exception failure) when (failure is NpgsqlException or RedisException or RedisCommandException or TimeoutException or ObjectDisposedException)
        {
            throw new NumberingUnavailableException("The current epoch cannot be found while Postgres or Redis is away.", failure);
        }
    }

    private async Task<int> EnsureInForceAsync(IReadOnlyList<RedisKey> some, CancellationToken cancellationToken)
    {
        var script = await GetScriptAsync(cancellationToken);
        return await IsInForceAsync(script, some, cancellationToken)
            ? script.Epoch
            : (await ReplaceAsync(script.Epoch, await ReadAsync(some, cancellationToken) ?? NoEpoch, cancellationToken)).Epoch;
    }

    /// <summary>
    /// The epoch in force, of a process that starts while Postgres is away. When it began is not known, so nothing counts as surely unknown before it.
    /// Should Postgres know it as discarded, its numbers are still nobody else's.
    /// </summary>
    private async Task<NumberingScript?> FindInRedisAsync(CancellationToken cancellationToken)
    {
        var some = guards.Some();
        if (await ReadAsync(some, cancellationToken) is not { } epoch || !await IsInForceAsync(new NumberingScript(epoch), some, cancellationToken))
            return null;
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            // Postgres may have answered somebody else meanwhile.
            return _script ?? Use(new NumberingEpoch(epoch, DateTimeOffset.UtcNow));
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    private Task<bool> IsInForceAsync(NumberingScript script, IReadOnlyList<RedisKey> some, CancellationToken cancellationToken) => AskRedisAsync(async database =>
        (await Task.WhenAll(some.Select(guard => script.IsInForceAsync(database, guard)))).All(isInForce => isInForce), cancellationToken);

    /// <summary>The latest epoch that stands in the guards; null when all are lost.</summary>
    private Task<int?> ReadAsync(IReadOnlyList<RedisKey> some, CancellationToken cancellationToken) => AskRedisAsync(async database =>
        // A value that is not there would be read as 0, which is an epoch.
        (await Task.WhenAll(some.Select(guard => database.StringGetAsync(guard))))
            .Max(value => value is { IsNull: false } && value.TryParse(out int number) ? number : (int?)null), cancellationToken);

    private async Task<T> AskRedisAsync<T>(Func<IDatabase, Task<T>> question, CancellationToken cancellationToken)
    {
        try
        {
            return await question(redis.GetDatabase()).WaitAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException)
        {
            throw new NumberingUnavailableException($"Redis does not say which epoch it is in: {failure.Message}", failure);
        }
    }

    private async Task<NumberingScript> FindOrStartAsync(int refused, int seen, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await ExecuteAsync(connection, "SELECT pg_advisory_lock($1)", [TakeoverLock], cancellationToken);
        try
        {
            var current = await ReadCurrentAsync(connection, cancellationToken);
            if (current.Number > refused)
                return Use(current);

            // The number is spent before Redis hears of it: should the outcome stay unknown, nobody takes it a second time.
            var number = (int)(await ScalarAsync(connection, """
                INSERT INTO numbering (shard, current_epoch, next_epoch, started_at) VALUES (0, -1, $1 + 1, now())
                ON CONFLICT (shard) DO UPDATE SET next_epoch = GREATEST(numbering.next_epoch, $1) + 1
                RETURNING next_epoch - 1
                """, [seen + 1], cancellationToken))!;
            var script = new NumberingScript(number);
            await LoadAsync(script).WaitAsync(cancellationToken);

            // Only if nobody took a later one meanwhile (our lock ends with our connection, which may have broken).
            var started = await ScalarAsync(connection, """
                UPDATE numbering SET current_epoch = $1, started_at = now() WHERE shard = 0 AND next_epoch = $1 + 1 RETURNING started_at
                """, [number], cancellationToken);
            if (started is null)
                throw new NumberingUnavailableException($"Another process started an epoch after {number}.");
            Log.EpochStarted(logger, number, refused);
            return Use(new NumberingEpoch(number, new DateTimeOffset((DateTime)started)));
        }
        finally
        {
            await UnlockAsync(connection);
        }
    }

    /// <summary>
    /// Every shard gets the script, then every slot its guard: the epoch is current only when all are there. Nothing is sent twice, so a guard that was lost
    /// again stays lost, and one of an epoch that was discarded on the way does no harm.
    /// </summary>
    private async Task LoadAsync(NumberingScript script)
    {
        var shards = guards.ByShard();
        await Task.WhenAll(shards.Select(shard => LoadAsync(script, shard[0])));
        foreach (var some in shards.SelectMany(shard => shard.Skip(1)).Chunk(GuardsAtOnce))
        {
            if (!(await Task.WhenAll(some.Select(guard => redis.GetDatabase().StringSetAsync(guard, script.Epoch)))).All(isSet => isSet))
                throw NotTaken(script);
        }
    }

    private async Task LoadAsync(NumberingScript script, RedisKey guard)
    {
        var database = redis.GetDatabase();
        // Whoever is asked a question says where its slot has moved to; a transaction does not.
        if (guard != RedisKeys.EpochGuard)
            await database.KeyExistsAsync(guard);
        // One transaction, sent once: the guard never names an epoch whose script is not there, and only a primary takes the script: a replica that had it
        // could be promoted with fewer numbers than were given out, and go on.
        var transaction = database.CreateTransaction();
        var load = transaction.ExecuteAsync("SCRIPT", "LOAD", script.Text);
        var set = transaction.StringSetAsync(guard, script.Epoch);
        await transaction.ExecuteAsync();
        var hash = (string?)await load;
        if (!await set || hash != script.Hash)
            throw NotTaken(script);
    }

    private static NumberingUnavailableException NotTaken(NumberingScript script) => new($"Redis did not take the script of epoch {script.Epoch}.");

    private NumberingScript Use(NumberingEpoch epoch)
    {
        var script = new NumberingScript(epoch.Number);
        Volatile.Write(ref _startedAtTicks, epoch.StartedAt.UtcTicks);
        _script = script;
        return script;
    }

    private static async Task<NumberingEpoch> ReadCurrentAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT current_epoch, started_at FROM numbering WHERE shard = 0", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new NumberingEpoch(reader.GetInt32(0), new DateTimeOffset(reader.GetDateTime(1)))
            : new NumberingEpoch(NoEpoch, default);
    }

    private async Task UnlockAsync(NpgsqlConnection connection)
    {
        try
        {
            await ExecuteAsync(connection, "SELECT pg_advisory_unlock($1)", [TakeoverLock], CancellationToken.None);
        }
        catch (Exception failure) when (failure is NpgsqlException or InvalidOperationException or TimeoutException)
        {
            // The lock ends with the broken connection.
            Log.UnlockFailed(logger, failure);
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, object[] parameters, CancellationToken cancellationToken)
    {
        await using var command = Command(connection, sql, parameters);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, object[] parameters, CancellationToken cancellationToken)
    {
        await using var command = Command(connection, sql, parameters);
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = (int)TakeoverTimeout.TotalSeconds };
        foreach (var value in parameters)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }

    /// <inheritdoc/>
    public void Dispose() => _oneAtATime.Dispose();

    private static partial class Log
    {
        [LoggerMessage(2101, LogLevel.Warning, "Epoch {Epoch} of the numbering begins: Redis refused epoch {Refused} (first start, a restart, a failover, or lost data)")]
        public static partial void EpochStarted(ILogger logger, int epoch, int refused);

        [LoggerMessage(2102, LogLevel.Debug, "The takeover lock ends with its connection")]
        public static partial void UnlockFailed(ILogger logger, Exception failure);
    }
}
