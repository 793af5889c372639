using Chat.Contracts;
using Npgsql;

namespace Chat.Data.Numbering;

/// <summary>
/// The partitions of the log that are open in the current epoch. When an epoch begins, Redis may have lost numbers: until a partition's persister has numbered
/// all that is in the log, nobody else numbers there, or later events would stand before earlier ones. Postgres says what is open. What is open in an
/// epoch stays open in it, so what this process knows may be behind, never wrong. Before epoch 0 nothing was numbered: in it all are open.
/// </summary>
public sealed class OpenPartitions(NpgsqlDataSource database, EpochStore epochs, TimeProvider time)
{
    private const int TimeoutSeconds = 2;
    private static readonly TimeSpan AskEvery = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private volatile Knowledge _known = new(0, []);
    private Task? _question;

    /// <summary>True when events of the room may be numbered in the epoch that this process knows.</summary>
    public bool Has(string roomId) => Has(LogTopics.PartitionOf(roomId), epochs.Known);

    /// <summary>True when the partition is known to be open in the epoch.</summary>
    public bool Has(int partition, int epoch) => epoch == 0 || (_known is var known && known.Epoch == epoch && known.Partitions.Contains(partition));

    /// <summary>Waits until the room's partition is open; false when <paramref name="patience"/> is over before.</summary>
    public async ValueTask<bool> WaitAsync(string roomId, TimeSpan patience, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (!Has(roomId))
        {
            try
            {
                await AskAsync().WaitAsync(cancellationToken);
            }
            catch (NumberingUnavailableException) when (time.GetElapsedTime(started) < patience)
            {
                // Postgres or Redis is away: it stays closed, and is asked again.
            }
            if (Has(roomId))
                break;
            if (time.GetElapsedTime(started) >= patience)
                return false;
            await Task.Delay(AskEvery * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
        }
        return true;
    }

    /// <summary>Waits until all partitions are open in the epoch that this process knows; false when <paramref name="patience"/> is over before.</summary>
    public async Task<bool> WaitForAllAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (!HasAll() && time.GetElapsedTime(started) < patience)
        {
            try
            {
                await AskAsync().WaitAsync(cancellationToken);
            }
            catch (NumberingUnavailableException)
            {
                // Asked again.
            }
            if (HasAll()) return true;
            await Task.Delay(AskEvery * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
        }
        return HasAll();

        bool HasAll() => Enumerable.Range(0, LogTopics.Partitions).All(partition => Has(partition, epochs.Known));
    }

    /// <summary>Asks Postgres, once for all who ask at the same time. Throws <see cref="NumberingUnavailableException"/>.</summary>
    public Task AskAsync()
    {
        lock (_gate)
        {
            if (_question is null or { IsCompleted: true })
                _question = AskOnceAsync();
            return _question;
        }
    }

    /// <summary>Adds what is certain: the partitions are open in the epoch.</summary>
    public void Learn(int epoch, IEnumerable<int> partitions)
    {
        lock (_gate)
        {
            if (epoch > _known.Epoch)
                _known = new Knowledge(epoch, [.. partitions]);
            else if (epoch == _known.Epoch)
                _known = new Knowledge(epoch, [.. _known.Partitions, .. partitions]);
        }
    }

    private async Task AskOnceAsync()
    {
        await epochs.GetAsync(CancellationToken.None);
        try
        {
            await using var command = database.CreateCommand("""
                SELECT current_epoch, ARRAY(SELECT partition FROM log_positions WHERE log_positions.epoch = numbering.current_epoch)
                FROM numbering WHERE shard = 0
                """);
            command.CommandTimeout = TimeoutSeconds;
            await using var reader = await command.ExecuteReaderAsync();
            if (!await reader.ReadAsync())
                return;
            var epoch = reader.GetInt32(0);
            Learn(epoch, reader.GetFieldValue<int[]>(1));
            if (epoch > epochs.Known)
                await epochs.RefreshAsync(epochs.Known, CancellationToken.None);
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            throw new NumberingUnavailableException("Postgres does not say which partitions are open.", failure);
        }
    }

    private sealed record Knowledge(int Epoch, HashSet<int> Partitions);
}
