using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Brokers, topics and partitions. Asking for an unknown topic makes it when both the client and the broker allow that.</summary>
internal sealed class MetadataApi(ClusterInfo cluster, TopicRegistry topics, KafkaBrokerOptions options) : Api(ApiKey.Metadata, 0, 12, flexibleFrom: 9)
{
    /// <summary>The authorized operations are not known, because nothing is authorized here.</summary>
    private const int NoOperations = int.MinValue;

    private readonly record struct Asked(Guid Id, string? Name);

    private readonly record struct Found(ErrorCode Error, string? Name, Guid Id, Topic? Topic);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var version = request.Version;
        var asked = request.Body.ReadNullableArray(r =>
        {
            var id = version >= 10 ? r.ReadUuid() : Guid.Empty;
            var name = version >= 10 ? r.ReadNullableString() : r.ReadString();
            r.SkipTags();
            return new Asked(id, name);
        });
        var mayCreate = version < 4 || request.Body.ReadBool();
        if (version is >= 8 and <= 10)
            request.Body.ReadBool(); // Cluster operations: see NoOperations.
        if (version >= 8)
            request.Body.ReadBool(); // Topic operations: see NoOperations.
        request.Body.SkipTags();

        // An empty list means all topics in version 0, and none in later ones.
        var all = asked is null || (version == 0 && asked.Length == 0);
        var found = all
            ? [.. topics.All.Select(t => new Found(ErrorCode.None, t.Name, t.Id, t))]
            : asked!.Select(a => Find(a, mayCreate && options.AutoCreateTopics)).ToArray();
        Write(answer, version, found);
        return ValueTask.CompletedTask;
    }

    private Found Find(Asked asked, bool mayCreate)
    {
        if (asked.Name is null)
        {
            return topics.Find(asked.Id) is { } byId
                ? new Found(ErrorCode.None, byId.Name, byId.Id, byId)
                : new Found(ErrorCode.UnknownTopicId, null, asked.Id, null);
        }

        if (topics.Find(asked.Name) is { } known)
            return new Found(ErrorCode.None, known.Name, known.Id, known);
        if (!TopicName.IsValid(asked.Name))
            return new Found(ErrorCode.InvalidTopicException, asked.Name, Guid.Empty, null);
        if (!mayCreate)
            return new Found(ErrorCode.UnknownTopicOrPartition, asked.Name, Guid.Empty, null);
        var made = topics.FindOrCreate(asked.Name, out var fault);
        return new Found(made is null ? fault.Error : ErrorCode.None, asked.Name, made?.Id ?? Guid.Empty, made);
    }

    private void Write(KafkaWriter answer, short version, IReadOnlyCollection<Found> found)
    {
        if (version >= 3)
            answer.WriteInt32(0);
        answer.WriteArrayLength(1);
        answer.WriteInt32(ClusterInfo.NodeId);
        answer.WriteString(cluster.Host);
        answer.WriteInt32(cluster.Port);
        if (version >= 1)
            answer.WriteString(null);
        answer.WriteTags();
        if (version >= 2)
            answer.WriteString(cluster.ClusterId);
        if (version >= 1)
            answer.WriteInt32(ClusterInfo.NodeId);
        answer.WriteArray(found, (w, topic) => WriteTopic(w, version, topic));
        if (version is >= 8 and <= 10)
            answer.WriteInt32(NoOperations);
        answer.WriteTags();
    }

    private static void WriteTopic(KafkaWriter answer, short version, Found found)
    {
        answer.WriteError(found.Error);
        // Null names came with version 12; before, an unknown id is answered with an empty name.
        answer.WriteString(found.Name ?? (version >= 12 ? null : ""));
        if (version >= 10)
            answer.WriteUuid(found.Id);
        if (version >= 1)
            answer.WriteBool(false);
        answer.WriteArrayLength(found.Topic?.Partitions.Length ?? 0);
        for (var i = 0; i < (found.Topic?.Partitions.Length ?? 0); i++)
        {
            answer.WriteError(ErrorCode.None);
            answer.WriteInt32(i);
            answer.WriteInt32(ClusterInfo.NodeId);
            if (version >= 7)
                answer.WriteInt32(PartitionLog.LeaderEpoch);
            WriteThisNode(answer); // Replicas.
            WriteThisNode(answer); // In-sync replicas.
            if (version >= 5)
                answer.WriteArrayLength(0);
            answer.WriteTags();
        }

        if (version >= 8)
            answer.WriteInt32(NoOperations);
        answer.WriteTags();
    }

    private static void WriteThisNode(KafkaWriter answer)
    {
        answer.WriteArrayLength(1);
        answer.WriteInt32(ClusterInfo.NodeId);
    }
}
