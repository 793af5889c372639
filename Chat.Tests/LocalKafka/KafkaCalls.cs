namespace Chat.Tests.LocalKafka;

/// <summary>What a produce was answered for one partition.</summary>
internal readonly record struct Produced(short Error, long BaseOffset, long LogStart);

/// <summary>What a fetch was answered for one partition.</summary>
internal readonly record struct Fetched(short Error, long HighWatermark, long LogStart, byte[] Records)
{
    public long FirstOffset => System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(Records);
}

/// <summary>The requests that many tests send, spelled out once.</summary>
internal static class KafkaCalls
{
    public static async Task CreateTopicAsync(this RawClient client, string topic, int partitions = 1, params (string Name, string Value)[] settings)
    {
        var answer = await client.CallAsync(19, 4, w =>
        {
            w.Count(1).Text(topic).Int32(partitions).Int16(1).Count(0).Count(settings.Length);
            foreach (var (name, value) in settings)
                w.Text(name).Text(value);
            w.Int32(10_000).Bool(false);
        });
        answer.Int32();
        Assert.Equal(1, answer.Count());
        Assert.Equal(topic, answer.Text());
        Assert.Equal(0, answer.Int16());
    }

    public static async Task<Produced> ProduceAsync(this RawClient client, string topic, byte[]? records, short acks = -1, int partition = 0, short version = 7)
    {
        await client.SendProduceAsync(topic, records, acks, partition, version);
        return ReadProduced(await client.ReceiveAsync(version >= 9, headerTags: version >= 9), version);
    }

    public static Task SendProduceAsync(this RawClient client, string topic, byte[]? records, short acks = -1, int partition = 0, short version = 7) =>
        client.SendAsync(0, version, w =>
        {
            if (version >= 3)
                w.Text(null);
            w.Int16(acks).Int32(5000).Count(1).Text(topic).Count(1).Int32(partition).Bytes(records).Tags().Tags().Tags();
        }, flexible: version >= 9);

    public static Produced ReadProduced(WireReader answer, short version = 7)
    {
        Assert.Equal(1, answer.Count());
        answer.Text();
        Assert.Equal(1, answer.Count());
        answer.Int32();
        var (error, offset) = (answer.Int16(), answer.Int64());
        if (version >= 2)
            answer.Int64();
        return new Produced(error, offset, version >= 5 ? answer.Int64() : -1);
    }

    public static async Task<Fetched> FetchAsync(
        this RawClient client, string topic, long offset, int partition = 0, int maxWait = 0, int minBytes = 1, int maxBytes = 1 << 20, int partitionMaxBytes = 1 << 20)
    {
        var answer = await client.CallAsync(1, 11, w => w
            .Int32(-1).Int32(maxWait).Int32(minBytes).Int32(maxBytes).Int8(0).Int32(0).Int32(-1)
            .Count(1).Text(topic).Count(1).Int32(partition).Int32(-1).Int64(offset).Int64(-1).Int32(partitionMaxBytes)
            .Count(0).Text(""));
        answer.Int32();
        Assert.Equal(0, answer.Int16());
        answer.Int32();
        Assert.Equal(1, answer.Count());
        answer.Text();
        Assert.Equal(1, answer.Count());
        answer.Int32();
        var (error, highWatermark) = (answer.Int16(), answer.Int64());
        answer.Int64();
        var logStart = answer.Int64();
        answer.Count();
        answer.Int32();
        var records = answer.Bytes();
        Assert.Equal(0, answer.Left);
        return new Fetched(error, highWatermark, logStart, records ?? []);
    }

    public static async Task<(short Error, long Timestamp, long Offset)> ListOffsetAsync(this RawClient client, string topic, long timestamp, int partition = 0, short version = 5)
    {
        var answer = await client.CallAsync(2, version, w => w
            .Int32(-1).Int8(0).Count(1).Text(topic).Count(1).Int32(partition).Int32(-1).Int64(timestamp).Tags().Tags().Tags(), flexible: version >= 6);
        answer.Int32();
        answer.Count();
        answer.Text();
        answer.Count();
        answer.Int32();
        return (answer.Int16(), answer.Int64(), answer.Int64());
    }

    public static async Task<long> TakeProducerIdAsync(this RawClient client)
    {
        var answer = await client.CallAsync(22, 1, w => w.Text(null).Int32(60_000));
        answer.Int32();
        Assert.Equal(0, answer.Int16());
        var id = answer.Int64();
        Assert.Equal(0, answer.Int16());
        return id;
    }
}
