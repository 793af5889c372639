using System.Text;
using Chat.Contracts;
using Confluent.Kafka;

namespace Chat.Persister;

/// <summary>
/// Keeps copies of what could not be written as it was, with the reason, in <c>chat.dead</c>. A record is passed over only after its copy is durable,
/// so after a crash there may be two copies of it, never none.
/// </summary>
internal sealed partial class DeadLetters(string bootstrapServers, PersisterMetrics metrics, ILogger<DeadLetters> logger) : IDisposable
{
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(10);

    // Most processes never need it.
    private readonly Lazy<IProducer<byte[]?, byte[]?>> _producer = new(() => new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig
    {
        BootstrapServers = bootstrapServers,
        Acks = Acks.All,
        EnableIdempotence = true,
        MessageTimeoutMs = (int)SendTimeout.TotalMilliseconds,
    })
        .SetErrorHandler((_, error) => Log.ClientError(logger, error.Reason))
        .SetLogHandler((_, message) => Log.ClientError(logger, message.Message))
        .Build());

    /// <summary>Throws <see cref="KafkaException"/> when the copy is not durable.</summary>
    public async Task SendAsync(DeadRecord dead, CancellationToken cancellationToken)
    {
        var headers = new Headers();
        foreach (var header in dead.Headers ?? [])
            headers.Add(header.Key, header.GetValueBytes());
        headers.Add(LogHeaders.Reason, Encoding.UTF8.GetBytes($"{dead.Reason} ({dead.Origin})"));
        await _producer.Value.ProduceAsync(LogTopics.Dead, new Message<byte[]?, byte[]?> { Key = dead.Key, Value = dead.Value, Headers = headers }, cancellationToken);
        metrics.Dead();
        Log.Kept(logger, dead.Origin, dead.Reason);
    }

    public void Dispose()
    {
        if (_producer.IsValueCreated)
            _producer.Value.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(4001, LogLevel.Warning, "{Origin} could not be written as it is: {Reason}; a copy is among the dead letters")]
        public static partial void Kept(ILogger logger, string origin, string reason);

        [LoggerMessage(4002, LogLevel.Debug, "Kafka client: {Message}")]
        public static partial void ClientError(ILogger logger, string message);
    }
}
