using System.Collections.Concurrent;
using System.Globalization;
using Confluent.Kafka;

namespace Chat.Tests.LocalKafka;

/// <summary>An idempotent producer that writes numbers and remembers which were acknowledged, and the check of what the log holds.</summary>
internal sealed class KillLoad(string endpoint, string topic, int partitions)
{
    private readonly ConcurrentDictionary<int, bool> _acknowledged = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private int _sent;

    public int Acknowledged => _acknowledged.Count;

    public Task RunAsync(CancellationToken stop) => Task.Run(() =>
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig
        {
            BootstrapServers = endpoint,
            Acks = Acks.All,
            EnableIdempotence = true,
            LingerMs = 1,
            MessageTimeoutMs = 60_000,
            ReconnectBackoffMs = 20,
            ReconnectBackoffMaxMs = 100,
            RetryBackoffMs = 20,
            QueueBufferingMaxMessages = 2000,
        }).SetLogHandler((_, _) => { }).Build();
        while (!stop.IsCancellationRequested)
        {
            try
            {
                producer.Produce(
                    new TopicPartition(topic, _sent % partitions),
                    new Message<Null, string> { Value = _sent.ToString(CultureInfo.InvariantCulture) + new string('.', 300) },
                    Note);
                _sent++;
            }
            catch (ProduceException<Null, string> full) when (full.Error.Code == ErrorCode.Local_QueueFull)
            {
                producer.Poll(TimeSpan.FromMilliseconds(5));
            }
        }

        producer.Flush(TimeSpan.FromSeconds(60));
    }, CancellationToken.None);

    public async Task UntilAcknowledgedAsync(int count)
    {
        var deadline = DateTime.UtcNow.AddSeconds(40);
        while (Acknowledged < count)
        {
            Assert.True(DateTime.UtcNow < deadline, $"{count} records should have been acknowledged by now, {Acknowledged} are. {string.Join(' ', _failures)}");
            await Task.Delay(5);
        }
    }

    /// <summary>Reads everything: each acknowledged number once, in the order of each partition, and none that was never sent.</summary>
    public void AssertExactlyOnce()
    {
        Assert.Empty(_failures);
        using var consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig { BootstrapServers = endpoint, GroupId = "check", EnablePartitionEof = true }).Build();
        consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var seen = new HashSet<int>();
        var last = Enumerable.Repeat(-1, partitions).ToArray();
        for (var ends = 0; ends < partitions;)
        {
            var got = consumer.Consume(TimeSpan.FromSeconds(20));
            Assert.NotNull(got);
            if (got.IsPartitionEOF)
            {
                ends++;
                continue;
            }

            var number = int.Parse(got.Message.Value.TrimEnd('.'), CultureInfo.InvariantCulture);
            Assert.True(seen.Add(number), $"{number} is there twice.");
            Assert.True(number > last[got.Partition.Value], $"{number} came after {last[got.Partition.Value]}.");
            last[got.Partition.Value] = number;
        }

        Assert.Empty(_acknowledged.Keys.Except(seen));
        Assert.Equal(_sent, seen.Count);
    }

    private void Note(DeliveryReport<Null, string> report)
    {
        if (report.Error.IsError)
            _failures.Enqueue(report.Error.ToString());
        else
            _acknowledged[int.Parse(report.Message.Value.TrimEnd('.'), CultureInfo.InvariantCulture)] = true;
    }
}
