using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Log;

/// <summary>One batch that a producer got into the log, kept so that its repetition can be answered like the first time.</summary>
internal readonly record struct ProducedBatch(int FirstSequence, int LastSequence, long BaseOffset, int LastOffsetDelta, long Timestamp);

/// <summary>An idempotent producer as one partition knows it: its epoch and its last batches, oldest first.</summary>
internal sealed class ProducerState(short epoch)
{
    /// <summary>Kafka clients have at most 5 produce requests in flight when they are idempotent.</summary>
    public const int RememberedBatches = 5;

    public short Epoch { get; set; } = epoch;

    public List<ProducedBatch> Batches { get; } = new(RememberedBatches);

    /// <summary>When this broker last heard of the producer (milliseconds since 1970).</summary>
    public long LastSeen { get; set; }
}

/// <summary>
/// The idempotent producers of one partition. Guarantees that a batch with a producer id enters the log at most once and in
/// sequence, as long as the producer is remembered. It is a function of the log: replaying the batches gives the same state.
/// </summary>
internal sealed class ProducerStates(int maxProducers)
{
    private readonly Dictionary<long, ProducerState> _producers = [];

    public int Count => _producers.Count;

    public IEnumerable<KeyValuePair<long, ProducerState>> All => _producers;

    /// <summary>Decides about a batch before it is written; a repetition comes back with the batch that it repeats.</summary>
    public ErrorCode Check(in RecordBatch batch, out ProducedBatch? repeated)
    {
        repeated = null;
        if (!batch.HasProducer)
            return ErrorCode.None;
        if (!_producers.TryGetValue(batch.ProducerId, out var state))
            return batch.BaseSequence == 0 ? ErrorCode.None : ErrorCode.UnknownProducerId;
        if (batch.ProducerEpoch < state.Epoch)
            return ErrorCode.InvalidProducerEpoch;
        if (batch.ProducerEpoch > state.Epoch)
            return batch.BaseSequence == 0 ? ErrorCode.None : ErrorCode.OutOfOrderSequenceNumber;
        foreach (var known in state.Batches)
        {
            if (known.FirstSequence == batch.BaseSequence && known.LastSequence == batch.LastSequence)
            {
                repeated = known;
                return ErrorCode.None;
            }
        }

        return Sequence.Follows(state.Batches[^1].LastSequence, batch.BaseSequence)
            ? ErrorCode.None
            : ErrorCode.OutOfOrderSequenceNumber;
    }

    /// <summary>Notes a batch that has been written, or that recovery found in the log.</summary>
    public void Note(in RecordBatch batch, long now)
    {
        if (!batch.HasProducer)
            return;
        if (!_producers.TryGetValue(batch.ProducerId, out var state))
        {
            ForgetOldestAtTheBound();
            _producers[batch.ProducerId] = state = new ProducerState(batch.ProducerEpoch);
        }
        else if (state.Epoch != batch.ProducerEpoch)
        {
            state.Epoch = batch.ProducerEpoch;
            state.Batches.Clear();
        }

        if (state.Batches.Count == ProducerState.RememberedBatches)
            state.Batches.RemoveAt(0);
        state.Batches.Add(new ProducedBatch(batch.BaseSequence, batch.LastSequence, batch.BaseOffset, batch.LastOffsetDelta, batch.MaxTimestamp));
        state.LastSeen = now;
    }

    public void Restore(long producerId, ProducerState state) => _producers[producerId] = state;

    public void Clear() => _producers.Clear();

    /// <summary>Forgets producers that have been silent since before a time.</summary>
    public void Expire(long notSeenSince)
    {
        foreach (var (id, state) in _producers)
        {
            if (state.LastSeen < notSeenSince)
                _producers.Remove(id);
        }
    }

    /// <summary>The bound on memory: the producer that was silent longest is forgotten first, as if it had expired.</summary>
    private void ForgetOldestAtTheBound()
    {
        if (_producers.Count < maxProducers)
            return;
        // A tenth at once, so that a flood of producer ids does not sort the table for each of them.
        foreach (var id in _producers.OrderBy(p => p.Value.LastSeen).Take(Math.Max(1, maxProducers / 10)).Select(p => p.Key).ToArray())
            _producers.Remove(id);
    }
}
