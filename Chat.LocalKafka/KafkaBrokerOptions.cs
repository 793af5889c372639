using Chat.LocalKafka.Log;

namespace Chat.LocalKafka;

/// <summary>Everything that can be set. Each property is also a command line option of the same name (`MaxFrameBytes` = `--max-frame-bytes`).</summary>
public sealed record KafkaBrokerOptions
{
    /// <summary>Directory of everything that must survive a restart. Made when it does not exist; one broker at a time.</summary>
    public required string Data { get; init; }

    /// <summary>TCP port; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>Address to listen on.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Host that clients are told to connect to; null = <see cref="Host"/>.</summary>
    public string? AdvertisedHost { get; init; }

    /// <summary>Port that clients are told to connect to; null = the one that the broker listens on.</summary>
    public int? AdvertisedPort { get; init; }

    /// <summary>Partitions of topics that are made without a number.</summary>
    public int DefaultPartitions { get; init; } = 1;

    /// <summary>Whether asking for the metadata of an unknown topic makes it, as Kafka does by default.</summary>
    public bool AutoCreateTopics { get; init; } = true;

    /// <summary>Bytes after which a segment is closed; the topic setting segment.bytes overrides it.</summary>
    public int SegmentBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Age after which records are deleted, counted from their arrival or their own time, whichever is later; negative = never. The topic setting retention.ms overrides it and counts by the records' time alone, as Kafka does.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Bytes that a partition keeps, -1 = no limit; the topic setting retention.bytes overrides it.</summary>
    public long RetentionBytes { get; init; } = -1;

    /// <summary>How often retention looks at the segments.</summary>
    public TimeSpan RetentionCheckInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The largest record batch; the topic setting max.message.bytes overrides it. Kafka's default.</summary>
    public int MaxMessageBytes { get; init; } = 1024 * 1024 + 12;

    /// <summary>The largest request; a larger one closes its connection.</summary>
    public int MaxFrameBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>The most that one fetch is answered with, whatever it asks for (a single larger batch is still sent whole).</summary>
    public int MaxFetchBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Memory for requests that are being received or handled, over all connections; further ones wait in their sockets.</summary>
    public int RequestMemoryBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Memory for answers of fetches, over all connections; further fetches wait.</summary>
    public int FetchMemoryBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>Open client connections; further ones are closed at once.</summary>
    public int MaxConnections { get; init; } = 2000;

    /// <summary>A connection without a request for this long is closed. Kafka's default.</summary>
    public TimeSpan ConnectionIdle { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>A request or answer that makes no progress for this long closes its connection.</summary>
    public TimeSpan ConnectionStall { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Partitions of all topics; each keeps a file open.</summary>
    public int MaxPartitions { get; init; } = 2000;

    /// <summary>Idempotent producers that a partition remembers; beyond it the one silent longest is forgotten.</summary>
    public int MaxProducersPerPartition { get; init; } = 5000;

    /// <summary>An idempotent producer that is silent for this long is forgotten. Kafka's default.</summary>
    public TimeSpan ProducerIdExpiration { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Threads that flush files.</summary>
    public int FlushThreads { get; init; } = 4;

    /// <summary>Consumer groups that are kept.</summary>
    public int MaxGroups { get; init; } = 10_000;

    /// <summary>Members of one group.</summary>
    public int MaxGroupSize { get; init; } = 500;

    /// <summary>Committed offsets of a group without members are forgotten after this. Kafka's default.</summary>
    public TimeSpan OffsetsRetention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Bounds of the session time-out that a group member may ask for. Kafka's defaults.</summary>
    public TimeSpan MinSessionTimeout { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>See <see cref="MinSessionTimeout"/>.</summary>
    public TimeSpan MaxSessionTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How long the first rebalance of an empty group waits for more members. 0 = none: on one machine all start together.</summary>
    public TimeSpan InitialRebalanceDelay { get; init; } = TimeSpan.Zero;

    internal LogConfig LogDefaults => new(
        RetentionMs: Retention < TimeSpan.Zero ? -1 : (long)Retention.TotalMilliseconds,
        RetentionBytes,
        SegmentBytes,
        SegmentMs: (long)TimeSpan.FromDays(7).TotalMilliseconds,
        MaxMessageBytes,
        AppendTime: false,
        RetentionFromArrival: true);

    /// <summary>What is wrong with the options and how to put it right; empty when nothing is.</summary>
    public IEnumerable<string> FindFaults()
    {
        if (string.IsNullOrWhiteSpace(Data))
            yield return "--data is missing: name a directory that the broker may write to.";
        if (Port is < 0 or > 65535)
            yield return $"--port {Port} is no port: use 1 to 65535, or 0 for a free one.";
        if (Host is "0.0.0.0" or "::" or "[::]" && AdvertisedHost is null)
            yield return $"--host {Host} is every address of this machine, which clients cannot connect to: name one with --advertised-host.";
        if (AdvertisedPort is < 1 or > 65535)
            yield return $"--advertised-port {AdvertisedPort} is no port: use 1 to 65535.";
        if (DefaultPartitions < 1 || DefaultPartitions > MaxPartitions)
            yield return $"--default-partitions {DefaultPartitions} must be between 1 and --max-partitions ({MaxPartitions}).";
        if (SegmentBytes < 14)
            yield return $"--segment-bytes {SegmentBytes} is too small: use at least 14.";
        if (MaxMessageBytes < RecordBatch.HeaderSize || MaxMessageBytes > MaxFrameBytes - 1024)
            yield return $"--max-message-bytes {MaxMessageBytes} must be at least {RecordBatch.HeaderSize} and fit into --max-frame-bytes ({MaxFrameBytes}) with 1 KiB to spare.";
        if (MaxFrameBytes > RequestMemoryBytes)
            yield return $"--max-frame-bytes {MaxFrameBytes} must not be over --request-memory-bytes ({RequestMemoryBytes}).";
        if (MaxFetchBytes < 1 || MaxFetchBytes > FetchMemoryBytes)
            yield return $"--max-fetch-bytes {MaxFetchBytes} must be between 1 and --fetch-memory-bytes ({FetchMemoryBytes}).";
        if (RetentionCheckInterval < TimeSpan.FromMilliseconds(10))
            yield return "--retention-check-interval must be at least 00:00:00.010.";
        if (ConnectionIdle <= TimeSpan.Zero || ConnectionStall <= TimeSpan.Zero)
            yield return "--connection-idle and --connection-stall must be more than 0.";
        if (MinSessionTimeout <= TimeSpan.Zero || MinSessionTimeout > MaxSessionTimeout)
            yield return "--min-session-timeout must be more than 0 and not over --max-session-timeout.";
        foreach (var (name, value) in Counts())
        {
            if (value < 1)
                yield return $"{name} {value} must be at least 1.";
        }
    }

    private IEnumerable<(string Name, int Value)> Counts() =>
    [
        ("--max-connections", MaxConnections),
        ("--max-partitions", MaxPartitions),
        ("--max-producers-per-partition", MaxProducersPerPartition),
        ("--flush-threads", FlushThreads),
        ("--max-groups", MaxGroups),
        ("--max-group-size", MaxGroupSize),
    ];
}
