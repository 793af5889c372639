using System.Buffers.Binary;
using System.IO.Compression;
using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;

namespace Chat.Tests.LocalKafka;

public class LegacyMessageSetTests
{
    [Fact]
    public void Checksum_is_the_zip_crc_of_its_standard_check_value() =>
        Assert.Equal(0xCBF43926u, Crc32.Compute("123456789"u8));

    [Fact]
    public void Messages_become_one_batch_that_passes_validation()
    {
        byte[] set = [.. Message(1, "a"u8.ToArray(), timestamp: 5), .. Message(1, null, timestamp: 9)];

        Assert.Equal(ErrorCode.None, LegacyMessageSet.Convert(set, 1000, out var batch));

        Assert.Equal(ErrorCode.None, RecordBatchValidation.Validate(batch, 1000, 2, out var header));
        Assert.Equal((2, 5L, 9L, -1L), (header.RecordCount, header.BaseTimestamp, header.MaxTimestamp, header.ProducerId));
    }

    [Fact]
    public void A_set_cut_or_changed_anywhere_is_refused()
    {
        var set = Message(0, "value"u8.ToArray());
        for (var i = 0; i < set.Length; i++)
        {
            Assert.NotEqual(ErrorCode.None, LegacyMessageSet.Convert(set.AsSpan(0, i), 1000, out _));
            var changed = set.ToArray();
            changed[i] ^= 0x10;
            if (i >= 8) // The offset before is the broker's to set.
                Assert.NotEqual(ErrorCode.None, LegacyMessageSet.Convert(changed, 1000, out _));
        }
    }

    [Fact]
    public void A_small_set_that_unpacks_to_a_huge_one_is_too_large()
    {
        var zipped = new MemoryStream();
        using (var zip = new GZipStream(zipped, CompressionLevel.Optimal))
            zip.Write(new byte[1_000_000]);
        Assert.Equal(ErrorCode.MessageTooLarge, LegacyMessageSet.Convert(Message(1, zipped.ToArray(), codec: 1), 10_000, out _));
    }

    [Fact]
    public void Codecs_that_cannot_be_read_are_refused_by_name() =>
        Assert.Equal(ErrorCode.UnsupportedCompressionType, LegacyMessageSet.Convert(Message(1, [1, 2, 3], codec: 2), 1000, out _));

    private static byte[] Message(byte magic, byte[]? value, byte codec = 0, long timestamp = 0)
    {
        var body = new WireWriter().Raw([magic, codec]);
        if (magic == 1)
            body.Int64(timestamp);
        var content = body.Bytes(null).Bytes(value).ToArray();
        var crc = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(crc, Crc32.Compute(content));
        return new WireWriter().Int64(0).Int32(content.Length + 4).Raw(crc).Raw(content).ToArray();
    }
}
