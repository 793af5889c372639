using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Chat.Tests.LocalKafka;

/// <summary>librdkafka as the services use it.</summary>
public class ConfluentClientTests : BrokerTest
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(CompressionType.None)]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public async Task Keys_values_headers_and_times_come_back_through_every_codec(CompressionType codec)
    {
        await CreateAsync("t", 1);
        using var producer = Producer(c => c.CompressionType = codec);
        var time = new Timestamp(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123));
        var headers = new Headers { { "trace", [1, 2, 3] }, { "empty", [] } };
        var sent = Enumerable.Range(0, 100).Select(i => producer.ProduceAsync("t", new Message<string, string>
        {
            Key = $"key {i}",
            Value = new string('v', 1000),
            Headers = headers,
            Timestamp = time,
        })).ToArray();
        await Task.WhenAll(sent).WaitAsync(Patience);

        using var consumer = Consumer("g");
        consumer.Assign(new TopicPartitionOffset("t", 0, Offset.Beginning));
        for (var i = 0; i < 100; i++)
        {
            var got = consumer.Consume(Patience);
            Assert.Equal(($"key {i}", 1000, i), (got.Message.Key, got.Message.Value.Length, (int)got.Offset.Value));
            Assert.Equal(time.UnixTimestampMs, got.Message.Timestamp.UnixTimestampMs);
            Assert.Equal([1, 2, 3], got.Message.Headers.GetLastBytes("trace"));
            Assert.Empty(got.Message.Headers.GetLastBytes("empty"));
        }
    }

    [Fact]
    public async Task Committed_offsets_survive_a_restart_and_the_group_goes_on_behind_them()
    {
        await CreateAsync("t", 1);
        await ProduceAsync("t", 10);
        using (var first = Consumer("g"))
        {
            first.Subscribe("t");
            for (var i = 0; i < 4; i++)
                first.Consume(Patience);
            first.Commit();
            first.Close();
        }

        await RestartAsync();

        using var second = Consumer("g");
        Assert.Equal(4, second.Committed([new TopicPartition("t", 0)], Patience)[0].Offset.Value);
        second.Subscribe("t");
        Assert.Equal(4, second.Consume(Patience).Offset.Value);
        second.Close();
    }

    [Fact]
    public async Task Members_share_the_partitions_and_take_over_from_one_that_leaves()
    {
        await CreateAsync("t", 4);
        using var stop = new CancellationTokenSource();
        using var a = new ConsumingMember(Endpoint, "g", "t", stop.Token);
        await a.UntilAsync(owned => owned == 4);
        var b = new ConsumingMember(Endpoint, "g", "t", stop.Token);
        await a.UntilAsync(owned => owned == 2);
        await b.UntilAsync(owned => owned == 2);

        b.Dispose();

        await a.UntilAsync(owned => owned == 4);
        await stop.CancelAsync();
    }

    [Fact]
    public async Task A_paused_partition_delivers_nothing_until_it_is_resumed_and_then_everything()
    {
        await CreateAsync("t", 1);
        await ProduceAsync("t", 3);
        using var consumer = Consumer("g");
        consumer.Assign(new TopicPartitionOffset("t", 0, Offset.Beginning));
        Assert.Equal(0, consumer.Consume(Patience).Offset.Value);
        consumer.Pause([new TopicPartition("t", 0)]);
        Assert.Null(consumer.Consume(TimeSpan.FromMilliseconds(200)));
        consumer.Resume([new TopicPartition("t", 0)]);
        Assert.Equal(1, consumer.Consume(Patience).Offset.Value);
        Assert.Equal(2, consumer.Consume(Patience).Offset.Value);
    }

    [Fact]
    public async Task The_admin_client_finds_its_way()
    {
        using var admin = Admin();
        await CreateAsync("t", 2);
        await ProduceAsync("t", 5, partition: 0);
        await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = "t", IncreaseTo = 3 }]);
        Assert.Equal(3, admin.GetMetadata("t", Patience).Topics[0].Partitions.Count);
        var resource = new ConfigResource { Name = "t", Type = ResourceType.Topic };
        await admin.IncrementalAlterConfigsAsync(new() { [resource] = [new ConfigEntry { Name = "retention.ms", Value = "60000", IncrementalOperation = AlterConfigOpType.Set }] });
        var config = (await admin.DescribeConfigsAsync([resource]))[0].Entries;
        Assert.Equal(("60000", "1"), (config["retention.ms"].Value, config["min.insync.replicas"].Value));

        var deleted = await admin.DeleteRecordsAsync([new TopicPartitionOffset("t", 0, 2)]);
        Assert.Equal(2, deleted[0].Offset.Value);
        using var consumer = Consumer("g");
        Assert.Equal((2, 5), Bounds(consumer.QueryWatermarkOffsets(new TopicPartition("t", 0), Patience)));

        Assert.Equal(1, (await admin.DescribeClusterAsync()).Controller.Id);
        consumer.Assign(new TopicPartitionOffset("t", 0, 2));
        consumer.Commit([new TopicPartitionOffset("t", 0, 3)]);
        Assert.Equal("g", Assert.Single((await admin.ListConsumerGroupsAsync()).Valid).GroupId);
        await admin.DeleteGroupsAsync(["g"]);
        Assert.Empty((await admin.ListConsumerGroupsAsync()).Valid);
        await admin.DeleteTopicsAsync(["t"]);
        Assert.DoesNotContain(admin.GetMetadata(Patience).Topics, t => t.Topic == "t");
    }

    [Fact]
    public async Task Offsets_for_times_are_answered()
    {
        await CreateAsync("t", 1);
        using var producer = Producer();
        for (var i = 0; i < 5; i++)
            await producer.ProduceAsync("t", new Message<string, string> { Key = "k", Value = "v", Timestamp = new Timestamp(1_700_000_000_000 + (i * 1000), TimestampType.CreateTime) });
        using var consumer = Consumer("g");
        var found = consumer.OffsetsForTimes([new TopicPartitionTimestamp("t", 0, new Timestamp(1_700_000_002_500, TimestampType.CreateTime))], Patience);
        Assert.Equal(3, found[0].Offset.Value);
    }

    [Fact]
    public async Task A_transactional_producer_is_told_that_it_cannot_work()
    {
        using var producer = Producer(c => c.TransactionalId = "tx");
        var failure = await Task.Run(() => Assert.ThrowsAny<KafkaException>(() => producer.InitTransactions(TimeSpan.FromSeconds(5))));
        Assert.NotEqual(ErrorCode.NoError, failure.Error.Code);
    }

    private static (long Low, long High) Bounds(WatermarkOffsets offsets) => (offsets.Low.Value, offsets.High.Value);

    private IAdminClient Admin() => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Endpoint }).Build();

    private async Task CreateAsync(string topic, int partitions)
    {
        using var admin = Admin();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = partitions, ReplicationFactor = 1 }]);
    }

    private async Task ProduceAsync(string topic, int count, int partition = 0)
    {
        using var producer = Producer();
        for (var i = 0; i < count; i++)
            await producer.ProduceAsync(new TopicPartition(topic, partition), new Message<string, string> { Key = "k", Value = $"{i}" }).WaitAsync(Patience);
    }

    private IProducer<string, string> Producer(Action<ProducerConfig>? configure = null)
    {
        var config = new ProducerConfig { BootstrapServers = Endpoint, Acks = Acks.All, EnableIdempotence = true, LingerMs = 1 };
        configure?.Invoke(config);
        return new ProducerBuilder<string, string>(config).SetLogHandler((_, _) => { }).Build();
    }

    private IConsumer<string, string> Consumer(string group) => new ConsumerBuilder<string, string>(new ConsumerConfig
    {
        BootstrapServers = Endpoint,
        GroupId = group,
        AutoOffsetReset = AutoOffsetReset.Earliest,
        EnableAutoCommit = false,
    }).SetLogHandler((_, _) => { }).Build();
}
