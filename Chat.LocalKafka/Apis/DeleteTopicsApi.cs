using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Deletes topics by name or id, with their records and the offsets that groups committed for them.</summary>
internal sealed class DeleteTopicsApi(TopicRegistry topics, GroupCoordinator groups) : Api(ApiKey.DeleteTopics, 0, 6, flexibleFrom: 4)
{
    private readonly record struct Asked(string? Name, Guid Id);

    private readonly record struct Deleted(string? Name, Guid Id, ErrorCode Error);

    public override async ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var asked = version < 6
            ? body.ReadArray(r => new Asked(r.ReadString(), Guid.Empty))
            : body.ReadArray(r =>
            {
                var topic = new Asked(r.ReadNullableString(), r.ReadUuid());
                r.SkipTags();
                return topic;
            });
        body.ReadInt32(); // Time-out: a topic is gone before this returns.
        body.SkipTags();
        var results = new List<Deleted>();
        foreach (var topic in asked)
            results.Add(await DeleteAsync(topic));

        if (version >= 1)
            answer.WriteInt32(0);
        answer.WriteArray(results, (w, result) =>
        {
            w.WriteString(result.Name);
            if (version >= 6)
                w.WriteUuid(result.Id);
            w.WriteError(result.Error);
            if (version >= 5)
                w.WriteString(null);
            w.WriteTags();
        });
        answer.WriteTags();
    }

    private async Task<Deleted> DeleteAsync(Asked asked)
    {
        if (asked.Name is not null && asked.Id != Guid.Empty)
            return new Deleted(asked.Name, asked.Id, ErrorCode.InvalidRequest);
        var topic = asked.Name is null ? topics.Find(asked.Id) : topics.Find(asked.Name);
        if (topic is null)
            return new Deleted(asked.Name, asked.Id, asked.Name is null ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition);
        try
        {
            if (!topics.Delete(topic.Name))
                return new Deleted(topic.Name, topic.Id, ErrorCode.UnknownTopicOrPartition);
            await groups.ForgetTopicAsync(topic.Name);
            return new Deleted(topic.Name, topic.Id, ErrorCode.None);
        }
        catch (IOException)
        {
            return new Deleted(topic.Name, topic.Id, ErrorCode.KafkaStorageError);
        }
    }
}
