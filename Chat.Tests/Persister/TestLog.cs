using System.Text;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Tests.Numbering;
using Confluent.Kafka;

namespace Chat.Tests.Persister;

/// <summary>Writes to the log as a node does, and reads the dead letters.</summary>
public sealed class TestLog(string bootstrapServers) : IDisposable
{
    private readonly IProducer<byte[]?, byte[]?> _producer =
        new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = bootstrapServers, Acks = Acks.All, EnableIdempotence = true, LingerMs = 2 })
            .SetLogHandler((_, _) => { }) // brokers that a test kills are no news
            .Build();

    /// <summary>Logs events of a room in their order.</summary>
    public async Task AppendAsync(string room, IEnumerable<PendingEvent> events, string? participants = null)
    {
        // In one go: the producer keeps the order of a partition.
        await Task.WhenAll(events.Select(e => AppendRawAsync(room, e.Body.ToArray(), HeadersOf(e, participants))).ToList()).WaitAsync(TimeSpan.FromSeconds(60));
    }

    public Task AppendAsync(string room, params PendingEvent[] events) => AppendAsync(room, events.AsEnumerable());

    public async Task<IReadOnlyList<PendingEvent>> AppendNewAsync(string room, int count)
    {
        var events = Enumerable.Range(1, count).Select(i => RoomStore.Event($"event {i}") with { TimestampMs = Now }).ToList();
        await AppendAsync(room, events);
        return events;
    }

    public static long Now => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    public Task AppendRawAsync(string key, byte[]? value, Headers? headers = null, int? partition = null) => _producer.ProduceAsync(
        new TopicPartition(LogTopics.Events, partition ?? LogTopics.PartitionOf(key)),
        new Message<byte[]?, byte[]?> { Key = Encoding.UTF8.GetBytes(key), Value = value, Headers = headers });

    public static Headers HeadersOf(PendingEvent e, string? participants = null)
    {
        var headers = new Headers
        {
            { LogHeaders.EventId, Encoding.UTF8.GetBytes(e.EventId.ToString("N")) },
            { LogHeaders.Timestamp, Encoding.UTF8.GetBytes(e.TimestampMs.ToString()) },
            { LogHeaders.CreatedEpoch, "0"u8.ToArray() },
        };
        if (e.OtherIds.Count > 0)
            headers.Add(LogHeaders.OtherIds, Encoding.UTF8.GetBytes(string.Join(',', e.OtherIds.Select(id => id.ToString("N")))));
        if (participants is not null)
            headers.Add(LogHeaders.Participants, Encoding.UTF8.GetBytes(participants));
        return headers;
    }

    /// <summary>Dead letters of a room (by their key, or by the place that the reason names), until there are <paramref name="count"/>.</summary>
    public Task<IReadOnlyList<(byte[]? Value, string Reason)>> ReadDeadAsync(int count, Func<string, string, bool> isMine) => Task.Run<IReadOnlyList<(byte[]?, string)>>(() =>
    {
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig { BootstrapServers = bootstrapServers, GroupId = "test-" + Guid.NewGuid() }).Build();
        consumer.Assign(new TopicPartitionOffset(LogTopics.Dead, 0, Offset.Beginning));
        var dead = new List<(byte[]?, string)>();
        var deadline = DateTime.UtcNow.AddSeconds(60);
        while (dead.Count < count && DateTime.UtcNow < deadline)
        {
            if (consumer.Consume(TimeSpan.FromMilliseconds(200)) is not { } consumed)
                continue;
            var reason = Encoding.UTF8.GetString(consumed.Message.Headers.GetLastBytes(LogHeaders.Reason));
            if (isMine(Encoding.UTF8.GetString(consumed.Message.Key ?? []), reason))
                dead.Add((consumed.Message.Value, reason));
        }
        consumer.Close();
        return dead;
    });

    public void Dispose() => _producer.Dispose();
}
