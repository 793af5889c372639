using Chat.Contracts;
using Chat.ServiceDefaults.Kafka;
using Chat.Tests.Backends;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Tests.Persister;

/// <summary>The topics that every process finds made or makes.</summary>
public sealed class LogTopicSetupTests
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Processes_that_start_at_once_find_both_topics_made()
    {
        await using var kafka = await KafkaFixture.StartServerAsync();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => EnsureAsync(kafka.ConnectionString))).WaitAsync(Wait);

        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.ConnectionString }).Build();
        var topics = admin.GetMetadata(TimeSpan.FromSeconds(30)).Topics.ToDictionary(topic => topic.Topic, topic => topic.Partitions.Count);
        Assert.Equal(LogTopics.Partitions, topics[LogTopics.Events]);
        Assert.Equal(1, topics[LogTopics.Dead]);
    }

    [Fact]
    public async Task A_topic_with_another_number_of_partitions_is_refused_with_the_remedy()
    {
        await using var kafka = await KafkaFixture.StartServerAsync();
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.ConnectionString }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = LogTopics.Events, NumPartitions = 3, ReplicationFactor = 1 }]);

        var failure = await Assert.ThrowsAsync<LogTopicException>(() => EnsureAsync(kafka.ConnectionString)).WaitAsync(Wait);

        Assert.Contains("3 partitions and must have 12", failure.Message, StringComparison.Ordinal);
        Assert.Contains("delete the topic", failure.Message, StringComparison.Ordinal);
    }

    private static Task EnsureAsync(string bootstrapServers) => LogTopicSetup.EnsureAsync(bootstrapServers, NullLogger.Instance, CancellationToken.None);
}
