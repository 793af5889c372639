using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Where a leader epoch ended. There is one epoch for ever, so it ends at the high watermark; clients ask after a reconnect.</summary>
internal sealed class OffsetForLeaderEpochApi(TopicRegistry topics) : Api(ApiKey.OffsetForLeaderEpoch, 0, 4, flexibleFrom: 4)
{
    private readonly record struct Part(int Index, int CurrentEpoch, int Epoch);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        if (version >= 3)
            body.ReadInt32(); // Replica id.
        var asked = body.ReadArray(r =>
        {
            var topic = (Name: r.ReadString(), Parts: r.ReadArray(p =>
            {
                var part = new Part(p.ReadInt32(), version >= 2 ? p.ReadInt32() : -1, p.ReadInt32());
                p.SkipTags();
                return part;
            }));
            r.SkipTags();
            return topic;
        });
        body.SkipTags();

        if (version >= 2)
            answer.WriteInt32(0);
        answer.WriteArray(asked, (w, topic) =>
        {
            w.WriteString(topic.Name);
            w.WriteArray(topic.Parts, (w, part) => Write(w, version, part, topics.FindPartition(topic.Name, part.Index)));
            w.WriteTags();
        });
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private static void Write(KafkaWriter answer, short version, Part part, PartitionLog? partition)
    {
        var error = partition is null ? ErrorCode.UnknownTopicOrPartition
            : part.CurrentEpoch >= 0 && part.CurrentEpoch != PartitionLog.LeaderEpoch ? ErrorCode.UnknownLeaderEpoch
            : ErrorCode.None;
        var known = error == ErrorCode.None && part.Epoch == PartitionLog.LeaderEpoch;
        answer.WriteError(error);
        answer.WriteInt32(part.Index);
        if (version >= 1)
            answer.WriteInt32(known ? PartitionLog.LeaderEpoch : -1);
        answer.WriteInt64(known ? partition!.HighWatermark : -1);
        answer.WriteTags();
    }
}
