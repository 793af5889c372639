using System.Text;
using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;

namespace Chat.Tests.LocalKafka;

public class RecordBatchTests
{
    [Fact]
    public void Checksum_is_the_castagnoli_crc_of_its_standard_check_value() =>
        Assert.Equal(0xE3069283u, Crc32C.Compute(Encoding.ASCII.GetBytes("123456789")));

    [Fact]
    public void A_whole_batch_is_accepted_and_its_header_is_read()
    {
        var bytes = new TestBatch { Values = ["a", "bb", "ccc"], ProducerId = 7, ProducerEpoch = 3, BaseSequence = 11 }.ToBytes();

        Assert.Equal(ErrorCode.None, Validate(bytes, out var batch));

        Assert.Equal((3, 2, 7L, (short)3, 11, 13), (batch.RecordCount, batch.LastOffsetDelta, batch.ProducerId, batch.ProducerEpoch, batch.BaseSequence, batch.LastSequence));
    }

    [Fact]
    public void A_changed_bit_anywhere_behind_the_checksum_is_corruption()
    {
        var bytes = TestBatch.Of("hello", "world").ToBytes();
        for (var i = 21; i < bytes.Length; i++)
        {
            bytes[i] ^= 1;
            Assert.Equal(ErrorCode.CorruptMessage, Validate(bytes, out _));
            bytes[i] ^= 1;
        }

        Assert.Equal(ErrorCode.None, Validate(bytes, out _));
    }

    [Fact]
    public void A_batch_cut_anywhere_is_refused()
    {
        var bytes = TestBatch.Of("hello").ToBytes();
        for (var length = 0; length < bytes.Length; length++)
            Assert.NotEqual(ErrorCode.None, Validate(bytes[..length], out _));
    }

    [Fact]
    public void Two_batches_in_one_produce_are_refused() =>
        Assert.Equal(ErrorCode.InvalidRecord, Validate([.. TestBatch.Of("a").ToBytes(), .. TestBatch.Of("b").ToBytes()], out _));

    [Fact]
    public void Formats_before_record_batches_are_refused_by_name()
    {
        var bytes = TestBatch.Of("a").ToBytes();
        bytes[16] = 1;
        Assert.Equal(ErrorCode.UnsupportedForMessageFormat, Validate(bytes, out _));
    }

    [Fact]
    public void A_batch_over_the_limit_is_too_large()
    {
        var bytes = TestBatch.Of(new string('x', 1000)).ToBytes();
        Assert.Equal(ErrorCode.MessageTooLarge, RecordBatchValidation.Validate(bytes, bytes.Length - 1, 7, out _));
        Assert.Equal(ErrorCode.None, RecordBatchValidation.Validate(bytes, bytes.Length, 7, out _));
    }

    [Theory]
    [InlineData(23, 5)] // Last offset delta that does not fit the count.
    [InlineData(57, 9)] // Count that does not fit the records.
    [InlineData(57, 0)]
    public void Counts_that_disagree_are_refused_though_the_checksum_fits(int position, byte value)
    {
        var bytes = TestBatch.Of("a", "b").ToBytes();
        bytes[position + 3] = value;
        Assert.Equal(ErrorCode.InvalidRecord, Validate(TestBatch.Sign(bytes), out _));
    }

    [Fact]
    public void Records_that_do_not_fill_the_batch_are_refused_though_the_checksum_fits()
    {
        var bytes = TestBatch.Of("abc").ToBytes();
        bytes[61] += 2; // The record's length, zigzag: one byte longer than the batch.
        Assert.Equal(ErrorCode.InvalidRecord, Validate(TestBatch.Sign(bytes), out _));
    }

    [Theory]
    [InlineData(0x20, (short)ErrorCode.InvalidRecord)] // Control.
    [InlineData(0x10, (short)ErrorCode.InvalidTxnState)] // Transactional.
    [InlineData(5, (short)ErrorCode.UnsupportedCompressionType)]
    public void Attributes_that_this_broker_cannot_honour_are_refused(short attributes, short error) =>
        Assert.Equal((ErrorCode)error, Validate((TestBatch.Of("a") with { Attributes = attributes }).ToBytes(), out _));

    [Fact]
    public void Zstd_needs_a_client_new_enough_to_know_it()
    {
        var bytes = (TestBatch.Of("a") with { Attributes = 4 }).ToBytes();
        Assert.Equal(ErrorCode.UnsupportedCompressionType, RecordBatchValidation.Validate(bytes, int.MaxValue, 6, out _));
        Assert.Equal(ErrorCode.None, RecordBatchValidation.Validate(bytes, int.MaxValue, 7, out _));
    }

    private static ErrorCode Validate(byte[] bytes, out RecordBatch batch) => RecordBatchValidation.Validate(bytes, int.MaxValue, 7, out batch);
}
