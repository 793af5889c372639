using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Raises the log start offset of partitions; what lies below is gone.</summary>
internal sealed class DeleteRecordsApi(TopicRegistry topics) : Api(ApiKey.DeleteRecords, 0, 2, flexibleFrom: 2)
{
    private readonly record struct Part(int Index, long Before);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var body = request.Body;
        var asked = body.ReadArray(r =>
        {
            var topic = (Name: r.ReadString(), Parts: r.ReadArray(p =>
            {
                var part = new Part(p.ReadInt32(), p.ReadInt64());
                p.SkipTags();
                return part;
            }));
            r.SkipTags();
            return topic;
        });
        body.ReadInt32(); // Time-out.
        body.SkipTags();

        answer.WriteInt32(0);
        answer.WriteArray(asked, (w, topic) =>
        {
            w.WriteString(topic.Name);
            w.WriteArray(topic.Parts, (w, part) =>
            {
                var (error, start) = topics.FindPartition(topic.Name, part.Index)?.DeleteRecords(part.Before)
                    ?? (ErrorCode.UnknownTopicOrPartition, -1);
                w.WriteInt32(part.Index);
                w.WriteInt64(start);
                w.WriteError(error);
                w.WriteTags();
            });
            w.WriteTags();
        });
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
