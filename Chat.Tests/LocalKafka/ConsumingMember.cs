using Confluent.Kafka;

namespace Chat.Tests.LocalKafka;

/// <summary>A group member that polls on a thread of its own and knows how many partitions it has.</summary>
internal sealed class ConsumingMember : IDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly Thread _thread;
    private volatile int _owned;

    public ConsumingMember(string endpoint, string group, string topic, CancellationToken stop)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _thread = new Thread(() => Run(endpoint, group, topic));
        _thread.Start();
    }

    public async Task UntilAsync(Predicate<int> owned)
    {
        var deadline = DateTime.UtcNow.AddSeconds(60);
        while (!owned(_owned))
        {
            Assert.True(DateTime.UtcNow < deadline, $"The member should have another number of partitions by now than {_owned}.");
            await Task.Delay(20);
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _stop.Dispose();
    }

    private void Run(string endpoint, string group, string topic)
    {
        using var consumer = new ConsumerBuilder<string, string>(new ConsumerConfig { BootstrapServers = endpoint, GroupId = group, HeartbeatIntervalMs = 100 })
            .SetPartitionsAssignedHandler((_, partitions) => _owned = partitions.Count)
            .SetPartitionsRevokedHandler((_, _) => _owned = 0)
            .SetLogHandler((_, _) => { })
            .Build();
        consumer.Subscribe(topic);
        while (!_stop.IsCancellationRequested)
            consumer.Consume(TimeSpan.FromMilliseconds(50));
        consumer.Close();
    }
}
