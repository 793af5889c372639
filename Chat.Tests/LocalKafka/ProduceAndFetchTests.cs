using System.Diagnostics;
using Chat.LocalKafka;

namespace Chat.Tests.LocalKafka;

public class ProduceAndFetchTests : BrokerTest
{
    private const short UnknownTopicOrPartition = 3;

    protected override KafkaBrokerOptions Options => base.Options with { RetentionCheckInterval = TimeSpan.FromMilliseconds(50) };

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(9)]
    [InlineData(11)]
    public async Task Every_version_of_produce_appends_and_says_where(short version)
    {
        using var client = await TopicAsync();
        Assert.Equal((0, 0L), Brief(await client.ProduceAsync("t", TestBatch.Of("a", "b").ToBytes(), version: version)));
        Assert.Equal((0, 2L), Brief(await client.ProduceAsync("t", TestBatch.Of("c").ToBytes(), version: version)));
        Assert.Equal((0, -1L, 3L), await client.ListOffsetAsync("t", -1));
    }

    [Fact]
    public async Task What_is_fetched_is_what_was_produced_byte_for_byte_except_its_place()
    {
        using var client = await TopicAsync();
        var sent = TestBatch.Of("hello").ToBytes();
        await client.ProduceAsync("t", TestBatch.Of("before").ToBytes());
        await client.ProduceAsync("t", [.. sent]);

        var fetched = await client.FetchAsync("t", 1);

        Assert.Equal((0, 2L, 0L), (fetched.Error, fetched.HighWatermark, fetched.LogStart));
        Assert.Equal(1, fetched.FirstOffset);
        Assert.Equal(sent[16..], fetched.Records[16..]);
    }

    [Fact]
    public async Task Produce_errors_have_their_names()
    {
        using var client = await TopicAsync();
        var good = TestBatch.Of("x").ToBytes();
        var corrupt = TestBatch.Of("x").ToBytes();
        corrupt[^1] ^= 1;

        Assert.Equal(UnknownTopicOrPartition, (await client.ProduceAsync("absent", good)).Error);
        Assert.Equal(UnknownTopicOrPartition, (await client.ProduceAsync("t", good, partition: 1)).Error);
        Assert.Equal(2, (await client.ProduceAsync("t", corrupt)).Error);
        Assert.Equal(10, (await client.ProduceAsync("t", TestBatch.Of(new string('x', 1 << 21)).ToBytes())).Error);
        Assert.Equal(21, (await client.ProduceAsync("t", good, acks: 2)).Error);
        Assert.Equal(87, (await client.ProduceAsync("t", [])).Error);
        Assert.Equal(87, (await client.ProduceAsync("t", null)).Error);
        Assert.Equal((0, 0L, 0L), Full(await client.ProduceAsync("t", good)));
    }

    [Fact]
    public async Task Idempotent_producers_get_each_batch_in_once_and_in_order()
    {
        using var client = await TopicAsync();
        var id = await client.TakeProducerIdAsync();
        Assert.NotEqual(id, await client.TakeProducerIdAsync());

        Assert.Equal((0, 0L), Brief(await client.ProduceAsync("t", TestBatch.From(id, 0, "a", "b").ToBytes())));
        Assert.Equal((0, 2L), Brief(await client.ProduceAsync("t", TestBatch.From(id, 2, "c").ToBytes())));
        Assert.Equal((0, 0L), Brief(await client.ProduceAsync("t", TestBatch.From(id, 0, "a", "b").ToBytes())));
        Assert.Equal(45, (await client.ProduceAsync("t", TestBatch.From(id, 9, "gap").ToBytes())).Error);
        Assert.Equal(59, (await client.ProduceAsync("t", TestBatch.From(id + 1000, 5, "unknown").ToBytes())).Error);
        Assert.Equal((0, 3L), Brief(await client.ProduceAsync("t", (TestBatch.From(id, 0, "new epoch") with { ProducerEpoch = 1 }).ToBytes())));
        Assert.Equal(47, (await client.ProduceAsync("t", TestBatch.From(id, 3, "old epoch").ToBytes())).Error);

        await RestartAsync();
        using var again = await RawClient.ConnectAsync(Endpoint);
        Assert.Equal((0, 3L), Brief(await again.ProduceAsync("t", (TestBatch.From(id, 0, "new epoch") with { ProducerEpoch = 1 }).ToBytes())));
        Assert.Equal((0, -1L, 4L), await again.ListOffsetAsync("t", -1));
        Assert.True(await again.TakeProducerIdAsync() > id + 1);
    }

    [Fact]
    public async Task Pipelined_produces_are_answered_in_order()
    {
        using var client = await TopicAsync();
        for (var i = 0; i < 100; i++)
            await client.SendProduceAsync("t", TestBatch.Of($"{i}").ToBytes());
        for (var i = 0; i < 100; i++)
            Assert.Equal((0, (long)i), Brief(KafkaCalls.ReadProduced(await client.ReceiveAsync(correlation: i + 2))));
    }

    [Fact]
    public async Task Acks_0_gets_no_answer_and_a_refusal_closes_the_connection()
    {
        using var client = await TopicAsync();
        await client.SendProduceAsync("t", TestBatch.Of("quiet").ToBytes(), acks: 0);
        Assert.Equal((0, 1L), Brief(await client.ProduceAsync("t", TestBatch.Of("loud").ToBytes())));

        await client.SendProduceAsync("absent", TestBatch.Of("x").ToBytes(), acks: 0);

        Assert.True(await client.IsClosedAsync());
    }

    [Fact]
    public async Task Fetch_errors_have_their_names_and_come_at_once()
    {
        using var client = await TopicAsync();
        await client.ProduceAsync("t", TestBatch.Of("a").ToBytes());
        // A fetch that waited would wait for longer than the client does.

        Assert.Equal(UnknownTopicOrPartition, (await client.FetchAsync("absent", 0, maxWait: 60_000)).Error);
        Assert.Equal(UnknownTopicOrPartition, (await client.FetchAsync("t", 0, partition: 5, maxWait: 60_000)).Error);
        Assert.Equal(1, (await client.FetchAsync("t", 2, maxWait: 60_000)).Error);
        Assert.Equal(1, (await client.FetchAsync("t", -5, maxWait: 60_000)).Error);

        Assert.Equal((0, 0), ((await client.FetchAsync("t", 1)).Error, (await client.FetchAsync("t", 1)).Records.Length));
    }

    [Fact]
    public async Task A_waiting_fetch_is_answered_when_a_record_comes()
    {
        using var consumer = await TopicAsync();
        using var producer = await RawClient.ConnectAsync(Endpoint);
        var waiting = consumer.FetchAsync("t", 0, maxWait: 60_000); // one that sleeps through the record sleeps longer than the client waits
        await producer.ProduceAsync("t", TestBatch.Of("news").ToBytes());

        Assert.NotEmpty((await waiting).Records);
    }

    [Fact]
    public async Task A_fetch_waits_for_the_bytes_that_it_asks_for_but_not_for_ever()
    {
        using var client = await TopicAsync();
        using var producer = await RawClient.ConnectAsync(Endpoint);
        await producer.ProduceAsync("t", TestBatch.Of("small").ToBytes());
        var watch = Stopwatch.StartNew();

        var fetched = await client.FetchAsync("t", 0, maxWait: 400, minBytes: 100_000);

        Assert.True(watch.ElapsedMilliseconds >= 390, "The fetch did not wait.");
        Assert.NotEmpty(fetched.Records);
        var waiting = client.FetchAsync("t", 0, maxWait: 60_000, minBytes: 1500);
        await producer.ProduceAsync("t", TestBatch.Of(new string('x', 800)).ToBytes());
        await producer.ProduceAsync("t", TestBatch.Of(new string('x', 800)).ToBytes());
        Assert.True((await waiting).Records.Length >= 1500);
    }

    [Fact]
    public async Task A_batch_that_is_larger_than_the_fetch_still_comes_whole()
    {
        using var client = await TopicAsync();
        var large = TestBatch.Of(new string('x', 50_000)).ToBytes();
        await client.ProduceAsync("t", [.. large]);
        await client.ProduceAsync("t", TestBatch.Of("second").ToBytes());

        Assert.Equal(large.Length, (await client.FetchAsync("t", 0, maxBytes: 100, partitionMaxBytes: 100)).Records.Length);
        Assert.True((await client.FetchAsync("t", 0)).Records.Length > large.Length);
    }

    [Fact]
    public async Task Offsets_are_found_by_time_and_at_both_ends()
    {
        using var client = await TopicAsync();
        await client.ProduceAsync("t", (TestBatch.Of("a", "b", "c") with { Timestamps = [1000, 2000, 3000] }).ToBytes());

        Assert.Equal((0, -1L, 0L), await client.ListOffsetAsync("t", -2));
        Assert.Equal((0, -1L, 3L), await client.ListOffsetAsync("t", -1));
        Assert.Equal((0, 2000L, 1L), await client.ListOffsetAsync("t", 1500));
        Assert.Equal((0, -1L, -1L), await client.ListOffsetAsync("t", 3001));
        Assert.Equal((0, 3000L, 2L), await client.ListOffsetAsync("t", -3, version: 7));
        Assert.Equal(UnknownTopicOrPartition, (await client.ListOffsetAsync("absent", -1)).Error);
    }

    [Fact]
    public async Task A_topic_with_broker_time_stamps_its_records_and_signs_them_again()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("stamped", 1, ("message.timestamp.type", "LogAppendTime"));
        await client.ProduceAsync("stamped", (TestBatch.Of("old") with { Timestamps = [1000] }).ToBytes());

        var records = (await client.FetchAsync("stamped", 0)).Records;

        Assert.Equal(8, records[22] & 8);
        Assert.Equal(records, TestBatch.Sign([.. records]));
    }

    [Fact]
    public async Task Retention_of_a_topic_deletes_segments_while_the_broker_runs()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("short", 1, ("retention.ms", "100"), ("segment.bytes", "200"));
        for (var i = 0; i < 10; i++)
            await client.ProduceAsync("short", TestBatch.Of("some value").ToBytes());
        var deadline = DateTime.UtcNow.AddSeconds(60);

        while ((await client.ListOffsetAsync("short", -2)).Offset < 10)
        {
            Assert.True(DateTime.UtcNow < deadline, "The records should be gone after 100 ms.");
            await Task.Delay(20);
        }

        Assert.Equal(1, (await client.FetchAsync("short", 0)).Error);
        Assert.Equal((0, 10L), Brief(await client.ProduceAsync("short", TestBatch.Of("next").ToBytes())));
    }

    private static (int Error, long Offset) Brief(Produced produced) => (produced.Error, produced.BaseOffset);

    private static (int Error, long Offset, long LogStart) Full(Produced produced) => (produced.Error, produced.BaseOffset, produced.LogStart);

    private async Task<RawClient> TopicAsync()
    {
        var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("t");
        return client;
    }
}
