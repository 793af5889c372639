using Chat.Contracts;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Realtime.Reading;

/// <summary>
/// Writes moved markers to Postgres every second, by one node at a time. What is to be written is set aside first, so a marker that moves
/// during the write is written again by the next round; what was set aside by a node that died is written first. Writing twice changes nothing:
/// Postgres keeps the higher marker, except for one that was lowered on purpose.
/// </summary>
internal sealed partial class ReadMarkerFlusher(IConnectionMultiplexer redis, ReadMarkerStore store, NpgsqlDataSource database, TimeProvider time, ILogger<ReadMarkerFlusher> logger)
    : BackgroundService
{
    private const int BatchSize = 1_000;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // How long the others wait for one that died; two at it at once would only do the work twice.
    private static readonly TimeSpan ClaimLife = TimeSpan.FromSeconds(3);

    private readonly string _claimant = Guid.NewGuid().ToString("N");
    private bool _failing;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await FlushAsync(stoppingToken);
            await Task.Delay(Interval * (0.8 + (0.4 * Random.Shared.NextDouble())), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>One round: everything that was moved until now, unless another node is at it.</summary>
    internal async Task FlushAsync(CancellationToken cancellationToken)
    {
        try
        {
            var server = redis.GetDatabase();
            // One question while nobody reads: to take the lock and give it back are six.
            if (await server.KeyExistsAsync([RedisKeys.ReadMarkersDirty, RedisKeys.ReadMarkersFlushing]) == 0) return;
            if (!await server.LockTakeAsync(RedisKeys.ReadMarkersFlusher, _claimant, ClaimLife)) return;
            await FlushLockedAsync(server, cancellationToken);
            if (_failing) Log.Restored(logger);
            _failing = false;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // What is set aside stays so, for the next node.
        }
        catch (Exception failure) when (ReadMarkers.IsPassing(failure))
        {
            if (!_failing) Log.Failing(logger, failure.Message);
            _failing = true;
        }
    }

    private async Task FlushLockedAsync(IDatabase server, CancellationToken cancellationToken)
    {
        try
        {
            await FlushSetAsideAsync(server, cancellationToken);
            if (!await server.KeyExistsAsync(RedisKeys.ReadMarkersDirty)) return;
            await server.KeyRenameAsync(RedisKeys.ReadMarkersDirty, RedisKeys.ReadMarkersFlushing, When.NotExists);
            await FlushSetAsideAsync(server, cancellationToken);
        }
        finally
        {
            await server.LockReleaseAsync(RedisKeys.ReadMarkersFlusher, _claimant);
        }
    }

    private async Task FlushSetAsideAsync(IDatabase server, CancellationToken cancellationToken)
    {
        while (await server.SetRandomMembersAsync(RedisKeys.ReadMarkersFlushing, BatchSize) is { Length: > 0 } members)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var markers = members.Select(member => member.ToString().Split('\n')).Select(parts => (User: parts[0], Room: parts[1], Lowered: parts.Length > 2)).ToList();
            var values = await store.GetKnownAsync([.. markers.Select(marker => (marker.User, marker.Room))]);
            // A marker may be in both ways; as it is then overwritten with what Redis has, raising it first does no harm.
            await UpsertAsync(markers.Zip(values).Where(pair => !pair.First.Lowered && pair.Second.HasValue), "greatest(read_markers.seq, excluded.seq)", cancellationToken);
            await UpsertAsync(markers.Zip(values).Where(pair => pair.First.Lowered && pair.Second.HasValue), "excluded.seq", cancellationToken);
            await server.SetRemoveAsync(RedisKeys.ReadMarkersFlushing, members);
            await server.LockExtendAsync(RedisKeys.ReadMarkersFlusher, _claimant, ClaimLife);
        }
    }

    private async Task UpsertAsync(
        IEnumerable<((string User, string Room, bool Lowered) First, RedisValue Second)> markers, string seq, CancellationToken cancellationToken)
    {
        // In one order in every process, so that two of them cannot wait for each other.
        var ordered = markers.OrderBy(marker => marker.First.User, StringComparer.Ordinal).ThenBy(marker => marker.First.Room, StringComparer.Ordinal).ToList();
        if (ordered.Count == 0) return;
        await using var command = database.CreateCommand($"""
            INSERT INTO read_markers (user_id, room_id, seq) SELECT * FROM unnest($1, $2, $3)
            ON CONFLICT (user_id, room_id) DO UPDATE SET seq = {seq}
            """);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = ordered.Select(marker => marker.First.User).ToArray() });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = ordered.Select(marker => marker.First.Room).ToArray() });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = ordered.Select(marker => (long)marker.Second).ToArray() });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Read markers cannot be written to Postgres and wait in Redis: {Reason}")]
        public static partial void Failing(ILogger logger, string reason);

        [LoggerMessage(2, LogLevel.Information, "Read markers are written to Postgres again.")]
        public static partial void Restored(ILogger logger);
    }
}
