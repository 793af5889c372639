using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;

namespace Chat.Tests.LocalKafka;

public class ProducerStatesTests
{
    private readonly ProducerStates _producers = new(maxProducers: 10);
    private long _offset;

    [Fact]
    public void Sequences_must_follow_each_other()
    {
        Assert.Equal(ErrorCode.None, Append(1, 0, count: 3));
        Assert.Equal(ErrorCode.None, Append(1, 3, count: 1));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Append(1, 5, count: 1));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Append(1, 1, count: 1));
        Assert.Equal(ErrorCode.None, Append(1, 4, count: 1));
    }

    [Fact]
    public void The_last_five_batches_are_recognised_when_they_come_again()
    {
        for (var sequence = 0; sequence < 6; sequence++)
            Append(1, sequence, count: 1);

        for (var sequence = 1; sequence < 6; sequence++)
        {
            Assert.Equal(ErrorCode.None, _producers.Check(Batch(1, sequence, 1), out var repeated));
            Assert.Equal(sequence, repeated!.Value.BaseOffset);
        }

        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, _producers.Check(Batch(1, 0, 1), out _));
    }

    [Fact]
    public void A_producer_that_is_not_known_must_begin_at_zero()
    {
        Assert.Equal(ErrorCode.UnknownProducerId, Append(1, 4, count: 1));
        Assert.Equal(ErrorCode.None, Append(1, 0, count: 1));
    }

    [Fact]
    public void A_newer_epoch_begins_at_zero_and_shuts_out_the_older()
    {
        Append(1, 0, count: 1, epoch: 1);

        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Append(1, 1, count: 1, epoch: 2));
        Assert.Equal(ErrorCode.None, Append(1, 0, count: 1, epoch: 2));
        Assert.Equal(ErrorCode.InvalidProducerEpoch, Append(1, 1, count: 1, epoch: 1));
    }

    [Fact]
    public void Sequences_go_on_at_zero_after_the_largest()
    {
        _producers.Restore(1, new ProducerState(0) { Batches = { new ProducedBatch(int.MaxValue - 1, int.MaxValue - 1, 0, 0, 0) } });

        Assert.Equal(ErrorCode.None, Append(1, int.MaxValue, count: 3));
        Assert.Equal(ErrorCode.None, Append(1, 2, count: 1));
    }

    [Fact]
    public void Silent_producers_are_forgotten_and_at_the_bound_the_one_silent_longest()
    {
        for (var id = 0; id < 10; id++)
            _producers.Note(Batch(id, 0, 1), now: id);
        _producers.Note(Batch(10, 0, 1), now: 10);
        Assert.Equal(10, _producers.Count);
        Assert.Equal(ErrorCode.UnknownProducerId, _producers.Check(Batch(0, 1, 1), out _));
        Assert.Equal(ErrorCode.None, _producers.Check(Batch(1, 1, 1), out _));

        _producers.Expire(notSeenSince: 10);

        Assert.Equal(1, _producers.Count);
    }

    private ErrorCode Append(long producer, int sequence, int count, short epoch = 0)
    {
        var batch = Batch(producer, sequence, count, epoch);
        var error = _producers.Check(batch, out var repeated);
        if (error == ErrorCode.None && repeated is null)
            _producers.Note(batch, now: 0);
        return error;
    }

    private RecordBatch Batch(long producer, int sequence, int count, short epoch = 0)
    {
        var batch = new RecordBatch(_offset, 100, 2, 0, 0, count - 1, 0, 0, producer, epoch, sequence, count);
        _offset += count;
        return batch;
    }
}
