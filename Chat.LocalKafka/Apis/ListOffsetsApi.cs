using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>The first, the next and the newest offset of partitions, and the first at a time.</summary>
internal sealed class ListOffsetsApi(TopicRegistry topics) : Api(ApiKey.ListOffsets, 0, 7, flexibleFrom: 6)
{
    private const long Latest = -1;
    private const long Earliest = -2;
    private const long MaxTimestamp = -3;
    private const short MaxTimestampFromVersion = 7;

    private readonly record struct Part(int Index, int LeaderEpoch, long Timestamp, int MaxOffsets);

    private readonly record struct Answer(ErrorCode Error, long Timestamp, long Offset);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        body.ReadInt32(); // Replica id.
        if (version >= 2)
            body.ReadInt8(); // Isolation level: without transactions all is committed.
        var asked = body.ReadArray(r =>
        {
            var name = r.ReadString();
            var parts = r.ReadArray(p =>
            {
                var part = new Part(p.ReadInt32(), version >= 4 ? p.ReadInt32() : -1, p.ReadInt64(), version == 0 ? p.ReadInt32() : 1);
                p.SkipTags();
                return part;
            });
            r.SkipTags();
            return (Name: name, Parts: parts);
        });
        body.SkipTags();

        if (version >= 2)
            answer.WriteInt32(0);
        answer.WriteArray(asked, (w, topic) =>
        {
            w.WriteString(topic.Name);
            w.WriteArray(topic.Parts, (w, part) => Write(w, version, part, Find(version, topics.FindPartition(topic.Name, part.Index), part)));
            w.WriteTags();
        });
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private static Answer Find(short version, PartitionLog? partition, Part part)
    {
        if (partition is null)
            return new Answer(ErrorCode.UnknownTopicOrPartition, -1, -1);
        if (part.LeaderEpoch >= 0 && part.LeaderEpoch != PartitionLog.LeaderEpoch)
            return new Answer(ErrorCode.UnknownLeaderEpoch, -1, -1);
        switch (part.Timestamp)
        {
            case Latest:
                return new Answer(ErrorCode.None, -1, partition.HighWatermark);
            case Earliest:
                return new Answer(ErrorCode.None, -1, partition.LogStart);
            case MaxTimestamp when version >= MaxTimestampFromVersion:
                return Of(partition.FindNewest());
            case < 0:
                return new Answer(ErrorCode.UnsupportedVersion, -1, -1);
            default:
                return Of(partition.FindByTimestamp(part.Timestamp));
        }
    }

    private static Answer Of(OffsetAtTime? found) =>
        found is { } place ? new Answer(ErrorCode.None, place.Timestamp, place.Offset) : new Answer(ErrorCode.None, -1, -1);

    private static void Write(KafkaWriter answer, short version, Part part, Answer found)
    {
        answer.WriteInt32(part.Index);
        answer.WriteError(found.Error);
        if (version == 0)
        {
            var any = found.Offset >= 0 && part.MaxOffsets > 0;
            answer.WriteArrayLength(any ? 1 : 0);
            if (any)
                answer.WriteInt64(found.Offset);
            return;
        }

        answer.WriteInt64(found.Timestamp);
        answer.WriteInt64(found.Offset);
        if (version >= 4)
            answer.WriteInt32(found.Offset < 0 ? -1 : PartitionLog.LeaderEpoch);
        answer.WriteTags();
    }
}
