using System.Threading.Channels;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Data.Writing;
using Confluent.Kafka;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Persister;

/// <summary>
/// The stages in their order: read → number → (copy rooms → write → let Redis forget). Numbering runs ahead of writing by a bounded number of batches.
/// A batch is left only when it is in Postgres, or when its partitions were taken away and somebody else reads it again.
/// </summary>
internal sealed partial class PersistPipeline(
    LogConsumer consumer, EpochWatch watch, NumberingStage numbering, RoomCopier copier, PostgresWriter writer, PersistedMarks marks, EpochStore epochs,
    PersisterMetrics metrics, PersisterOptions options, TimeProvider time, ILogger<PersistPipeline> logger) : IDisposable
{
    // A hole that is still there after this many attempts (about 10 s) will not be filled by waiting.
    private const int MaxHoleAttempts = 7;

    // While partitions are closed chat waits for the numbering, and no longer than 3 s for one send.
    private static readonly TimeSpan LongestNumberingPause = TimeSpan.FromSeconds(1);

    private readonly Channel<NumberedBatch> _numbered = Channel.CreateBounded<NumberedBatch>(
        new BoundedChannelOptions(options.WaitingBatches) { SingleReader = true, SingleWriter = true });

    // Asked to stop, a stage finishes what it has begun (or loses nothing by being cut off after this time).
    private static readonly TimeSpan FinishTime = TimeSpan.FromSeconds(5);
    private readonly CancellationTokenSource _work = new();
    private int _holes;

    /// <summary>Runs until it is cancelled; fails when a stage fails for a reason that no retry will change.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var finish = stop.Token.Register(() => _work.CancelAfter(FinishTime));
        consumer.Begin();
        Task[] stages = [NumberAllAsync(stop.Token), WriteAllAsync(stop.Token), watch.RunAsync(stop.Token), marks.RunAsync(stop.Token), consumer.Ended];
        await Task.WhenAny(stages);
        // One has ended: the others have nothing to do without it.
        await stop.CancelAsync();
        var ending = Task.WhenAll([.. stages, consumer.StopAsync()]);
        await ending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await marks.TellAllAsync();
        if (ending.IsFaulted)
            await ending;
    }

    private async Task NumberAllAsync(CancellationToken cancellationToken)
    {
        await foreach (var batch in consumer.Batches.ReadAllAsync(cancellationToken))
        {
            if (await NumberAsync(batch, cancellationToken) is { } numbered)
                await _numbered.Writer.WriteAsync(numbered, cancellationToken);
        }
    }

    /// <summary>Null when the batch need not be written any more.</summary>
    private async Task<NumberedBatch?> NumberAsync(RecordBatch batch, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(time, longest: LongestNumberingPause);
        while (consumer.IsCurrent(batch))
        {
            try
            {
                if (await numbering.NumberAsync(batch, _work.Token) is { } numbered)
                    return numbered;
                // What waits to be written was numbered before, and may have lost its numbers: all of it comes again, in log order.
                consumer.ReadAgain(batch.Start);
                await backoff.PauseAsync(cancellationToken);
                return null;
            }
            catch (Exception failure) when (IsPassing(failure))
            {
                Log.NumberingWaits(logger, failure.Message);
            }
            await backoff.PauseAsync(cancellationToken);
        }
        return null;
    }

    private async Task WriteAllAsync(CancellationToken cancellationToken)
    {
        await foreach (var batch in _numbered.Reader.ReadAllAsync(cancellationToken))
            await WriteAsync(batch, cancellationToken);
    }

    private async Task WriteAsync(NumberedBatch batch, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(time);
        while (consumer.IsCurrent(batch.Batch))
        {
            try
            {
                var copies = await copier.CopyAsync(batch, acceptHoles: _holes >= MaxHoleAttempts, _work.Token);
                switch (copies.HasHole ? WriteOutcome.LogMoved : await writer.WriteAsync(batch, copies, _work.Token))
                {
                    case WriteOutcome.Written:
                        _holes = 0;
                        metrics.Persisted(copies.Rooms.Sum(copy => copy.Rows.Count));
                        await marks.SetAsync(batch, copies);
                        if (copies.IsWhole)
                        {
                            consumer.Written(batch.Batch);
                            return;
                        }
                        backoff.Reset();
                        continue;
                    case WriteOutcome.EpochChanged:
                        await epochs.RefreshAsync(batch.Epoch, _work.Token);
                        consumer.ReadAgain(batch.Batch.Start);
                        return;
                    case WriteOutcome.LogMoved:
                        // With a hole, Redis has just lost data: then the script refuses, a new epoch begins, and what was lost gets numbers in it.
                        _holes += copies.HasHole ? 1 : 0;
                        await new Backoff(time, _holes).PauseAsync(cancellationToken);
                        consumer.ReadAgain(batch.Batch.Start);
                        return;
                    default:
                        break; // the room has moved: copy it again
                }
            }
            catch (Exception failure) when (IsPassing(failure))
            {
                Log.WritingWaits(logger, failure.Message);
            }
            await backoff.PauseAsync(cancellationToken);
        }
    }

    public void Dispose() => _work.Dispose();

    /// <summary>What waiting may cure: one of the servers is away or busy.</summary>
    private static bool IsPassing(Exception failure) =>
        failure is NumberingUnavailableException or ChatException or RedisException or RedisCommandException or NpgsqlException or KafkaException or TimeoutException;

    private static partial class Log
    {
        [LoggerMessage(4601, LogLevel.Warning, "Numbering waits: {Reason}")]
        public static partial void NumberingWaits(ILogger logger, string reason);

        [LoggerMessage(4602, LogLevel.Warning, "Writing waits: {Reason}")]
        public static partial void WritingWaits(ILogger logger, string reason);
    }
}
