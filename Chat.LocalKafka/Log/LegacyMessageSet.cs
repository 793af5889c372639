using System.Buffers.Binary;
using System.IO.Compression;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Log;

/// <summary>
/// Rewrites what old producers send (message formats 0 and 1, produce versions 0 to 2) as one record batch, so that the log holds one
/// format. Plain and gzip sets are read; other codecs of that time are refused.
/// </summary>
internal static class LegacyMessageSet
{
    private const int MagicAt = 16;
    private const int Gzip = 1;
    private const int MaxUnzippedBytes = 32 * 1024 * 1024;

    /// <summary>Offset, size, checksum, magic, attributes.</summary>
    private const int CommonHeader = 18;

    private readonly record struct Message(long Timestamp, byte[]? Key, byte[]? Value);

    /// <summary>Both formats keep the magic byte where record batches have it.</summary>
    public static bool IsLegacy(ReadOnlySpan<byte> data) => data.Length > MagicAt && data[MagicAt] < RecordBatch.CurrentMagic;

    public static ErrorCode Convert(ReadOnlySpan<byte> data, int maxBatchBytes, out byte[] batch)
    {
        batch = [];
        var messages = new List<Message>();
        var error = Read(data, maxBatchBytes, isNested: false, messages);
        if (error != ErrorCode.None)
            return error;
        if (messages.Count == 0)
            return ErrorCode.InvalidRecord;
        batch = Write(messages);
        return ErrorCode.None;
    }

    private static ErrorCode Read(ReadOnlySpan<byte> data, int maxBytes, bool isNested, List<Message> messages)
    {
        while (!data.IsEmpty)
        {
            if (data.Length < CommonHeader)
                return ErrorCode.CorruptMessage;
            var size = BinaryPrimitives.ReadInt32BigEndian(data[8..]);
            if (size < CommonHeader - RecordBatch.LengthOverhead || size > data.Length - RecordBatch.LengthOverhead)
                return ErrorCode.CorruptMessage;
            var message = data.Slice(RecordBatch.LengthOverhead, size);
            data = data[(RecordBatch.LengthOverhead + size)..];
            if (BinaryPrimitives.ReadUInt32BigEndian(message) != Crc32.Compute(message[4..]))
                return ErrorCode.CorruptMessage;
            var error = ReadMessage(message[4..], maxBytes, isNested, messages);
            if (error != ErrorCode.None)
                return error;
        }

        return ErrorCode.None;
    }

    private static ErrorCode ReadMessage(ReadOnlySpan<byte> message, int maxBytes, bool isNested, List<Message> messages)
    {
        var (magic, codec) = (message[0], message[1] & 7);
        message = message[2..];
        var timestamp = -1L;
        if (magic == 1)
        {
            if (message.Length < 8)
                return ErrorCode.CorruptMessage;
            timestamp = BinaryPrimitives.ReadInt64BigEndian(message);
            message = message[8..];
        }

        if (magic > 1 || !TryReadBytes(ref message, out var key) || !TryReadBytes(ref message, out var value) || !message.IsEmpty)
            return ErrorCode.CorruptMessage;
        if (codec == 0)
        {
            messages.Add(new Message(timestamp, key, value));
            return ErrorCode.None;
        }

        if (codec != Gzip)
            return ErrorCode.UnsupportedCompressionType;
        if (isNested || value is null)
            return ErrorCode.CorruptMessage;
        var error = Unzip(value, maxBytes, out var inner);
        return error == ErrorCode.None ? Read(inner, maxBytes, isNested: true, messages) : error;
    }

    private static ErrorCode Unzip(byte[] zipped, int maxBytes, out byte[] inner)
    {
        inner = [];
        try
        {
            using var stream = new GZipStream(new MemoryStream(zipped), CompressionMode.Decompress);
            // One byte more than is allowed tells that there is more: a small bomb stays small.
            maxBytes = Math.Min(maxBytes, MaxUnzippedBytes);
            var buffer = new byte[maxBytes + 1];
            var length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            if (length > maxBytes)
                return ErrorCode.MessageTooLarge;
            inner = buffer[..length];
            return ErrorCode.None;
        }
        catch (InvalidDataException)
        {
            return ErrorCode.CorruptMessage;
        }
    }

    private static bool TryReadBytes(ref ReadOnlySpan<byte> data, out byte[]? value)
    {
        value = null;
        if (data.Length < 4)
            return false;
        var length = BinaryPrimitives.ReadInt32BigEndian(data);
        data = data[4..];
        if (length == -1)
            return true;
        if (length < 0 || length > data.Length)
            return false;
        value = data[..length].ToArray();
        data = data[length..];
        return true;
    }

    private static byte[] Write(List<Message> messages)
    {
        var records = new RecordWriter();
        var baseTimestamp = messages[0].Timestamp;
        for (var i = 0; i < messages.Count; i++)
            records.Add(messages[i].Timestamp - baseTimestamp, i, messages[i].Key, messages[i].Value);
        return records.ToBatch(baseTimestamp, messages.Max(m => m.Timestamp));
    }
}
