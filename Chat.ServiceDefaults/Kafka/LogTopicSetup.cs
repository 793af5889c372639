using Chat.Contracts;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;

namespace Chat.ServiceDefaults.Kafka;

/// <summary>
/// Makes the topics of the log where they are missing and checks their partitions. Any process may call it at start: when two make a topic
/// at once, one of them finds it made. A topic that exists is never changed.
/// </summary>
public static partial class LogTopicSetup
{
    private const int EnoughBrokersToReplicate = 3;
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Completes when both topics stand with the right number of partitions; keeps trying while no broker answers.
    /// Throws <see cref="LogTopicException"/> when a topic has another number of partitions, which no waiting will change.
    /// </summary>
    public static async Task EnsureAsync(string bootstrapServers, ILogger logger, CancellationToken cancellationToken)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrapServers })
            // The loop below says what is wrong; the client's own words for it are for those who look closer.
            .SetErrorHandler((_, error) => Log.ClientError(logger, error.Reason))
            .SetLogHandler((_, message) => Log.ClientError(logger, message.Message))
            .Build();
        var pause = FirstPause;
        while (true)
        {
            try
            {
                if (await MakeAndCheckAsync(admin, logger, cancellationToken))
                    return;
            }
            catch (KafkaException failure)
            {
                Log.Waiting(logger, failure.Error.Reason, pause.TotalMilliseconds);
            }
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>True when both topics stand; false when they were just made and are to be looked at again.</summary>
    private static async Task<bool> MakeAndCheckAsync(IAdminClient admin, ILogger logger, CancellationToken cancellationToken)
    {
        // All topics at once: asking for one by name may make it, with the broker's own number of partitions. The call blocks.
        var metadata = await Task.Run(() => admin.GetMetadata(CallTimeout), cancellationToken);
        var missing = new List<TopicSpecification>();
        foreach (var (name, partitions) in new[] { (LogTopics.Events, LogTopics.Partitions), (LogTopics.Dead, 1) })
        {
            var topic = metadata.Topics.Find(topic => topic.Topic == name && topic.Error.Code == ErrorCode.NoError);
            if (topic is null)
                missing.Add(Specify(name, partitions, metadata.Brokers.Count));
            else if (topic.Partitions.Count != partitions)
                throw new LogTopicException(
                    $"Topic {name} has {topic.Partitions.Count} partitions and must have {partitions}: a room's partition is computed from that number. "
                    + "Point ConnectionStrings:kafka at a cluster of its own, or delete the topic when nothing in it is needed.");
        }
        if (missing.Count == 0)
            return true;
        try
        {
            await admin.CreateTopicsAsync(missing, new CreateTopicsOptions { RequestTimeout = CallTimeout, OperationTimeout = CallTimeout });
            Log.Made(logger, string.Join(", ", missing.Select(topic => topic.Name)), missing[0].ReplicationFactor);
        }
        catch (CreateTopicsException failure) when (failure.Results.TrueForAll(IsMade))
        {
            // Another process made it between the question and the answer: it is there, which is what was wanted.
        }
        return false;
    }

    private static bool IsMade(CreateTopicReport report) => report.Error.Code is ErrorCode.NoError or ErrorCode.TopicAlreadyExists;

    private static TopicSpecification Specify(string name, int partitions, int brokers)
    {
        var topic = new TopicSpecification { Name = name, NumPartitions = partitions, ReplicationFactor = 1 };
        if (brokers >= EnoughBrokersToReplicate)
        {
            // An answered record is on two brokers at least, and a broker that misses some never leads: one may die without loss.
            topic.ReplicationFactor = 3;
            topic.Configs = new() { ["min.insync.replicas"] = "2", ["unclean.leader.election.enable"] = "false" };
        }
        return topic;
    }

    private static partial class Log
    {
        [LoggerMessage(1101, LogLevel.Information, "Made the topics {Topics} with replication {Replication}")]
        public static partial void Made(ILogger logger, string topics, short replication);

        [LoggerMessage(1102, LogLevel.Warning, "The log's topics cannot be checked yet: {Reason}; next try in {PauseMs} ms")]
        public static partial void Waiting(ILogger logger, string reason, double pauseMs);

        [LoggerMessage(1103, LogLevel.Debug, "Kafka client: {Message}")]
        public static partial void ClientError(ILogger logger, string message);
    }
}

/// <summary>A topic of the log is not as it must be; the message says what to do.</summary>
public sealed class LogTopicException(string message) : Exception(message);
