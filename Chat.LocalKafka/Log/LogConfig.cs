namespace Chat.LocalKafka.Log;

/// <summary>What a topic lets its partitions do. The names in brackets are those of Kafka's topic configuration.</summary>
/// <param name="RetentionMs">A segment whose newest record is older is deleted [retention.ms]; -1 = never.</param>
/// <param name="RetentionBytes">The oldest segments of a partition are deleted while the rest is at least this large [retention.bytes]; -1 = no limit.</param>
/// <param name="SegmentBytes">A segment is closed before it grows beyond this [segment.bytes].</param>
/// <param name="SegmentMs">A segment is closed when it is this old [segment.ms].</param>
/// <param name="MaxMessageBytes">The largest batch that is accepted [max.message.bytes].</param>
/// <param name="AppendTime">Records carry the broker's time instead of the producer's [message.timestamp.type=LogAppendTime].</param>
/// <param name="RetentionFromArrival">
/// Records stay for the retention time from when they came, however old they say they are: the default, so that a wrong clock
/// deletes nothing. A topic with a retention.ms of its own goes by the records' time, as in Kafka.
/// </param>
internal sealed record LogConfig(
    long RetentionMs,
    long RetentionBytes,
    int SegmentBytes,
    long SegmentMs,
    int MaxMessageBytes,
    bool AppendTime,
    bool RetentionFromArrival);
