using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Makes topics; each succeeds or fails by itself.</summary>
internal sealed class CreateTopicsApi(TopicRegistry topics, KafkaBrokerOptions options) : Api(ApiKey.CreateTopics, 0, 7, flexibleFrom: 5)
{
    private const short DefaultReplication = -1;

    private readonly record struct Assignment(int Partition, int[] Brokers);

    private sealed record Asked(string Name, int Partitions, short Replication, Assignment[] Assignments, KeyValuePair<string, string?>[] Settings);

    private readonly record struct Made(Topic? Topic, TopicFault Fault);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var asked = body.ReadArray(ReadTopic);
        body.ReadInt32(); // Time-out: a topic is made before this returns.
        var validateOnly = version >= 1 && body.ReadBool();
        body.SkipTags();

        if (version >= 2)
            answer.WriteInt32(0);
        var twice = asked.CountBy(t => t.Name).Where(c => c.Value > 1).Select(c => c.Key).ToHashSet();
        answer.WriteArray(asked.DistinctBy(t => t.Name).ToArray(), (w, topic) =>
        {
            var made = twice.Contains(topic.Name)
                ? new Made(null, new TopicFault(ErrorCode.InvalidRequest, "The topic is named more than once."))
                : Make(topic, validateOnly);
            Write(w, version, topic, made);
        });
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private static Asked ReadTopic(KafkaReader reader)
    {
        var topic = new Asked(
            reader.ReadString(),
            reader.ReadInt32(),
            reader.ReadInt16(),
            reader.ReadArray(r =>
            {
                var assignment = new Assignment(r.ReadInt32(), r.ReadArray(b => b.ReadInt32()));
                r.SkipTags();
                return assignment;
            }),
            reader.ReadArray(r =>
            {
                var setting = KeyValuePair.Create(r.ReadString(), r.ReadNullableString());
                r.SkipTags();
                return setting;
            }));
        reader.SkipTags();
        return topic;
    }

    private Made Make(Asked asked, bool validateOnly)
    {
        var partitions = asked.Partitions == -1 ? options.DefaultPartitions : asked.Partitions;
        if (asked.Assignments.Length > 0)
        {
            if (asked.Partitions != -1 || asked.Replication != DefaultReplication)
                return Fail(ErrorCode.InvalidRequest, "Both numPartitions or replicationFactor and replicasAssignments were set.");
            if (asked.Assignments.Any(a => a.Brokers is not [ClusterInfo.NodeId])
                || !asked.Assignments.Select(a => a.Partition).Order().SequenceEqual(Enumerable.Range(0, asked.Assignments.Length)))
                return Fail(ErrorCode.InvalidReplicaAssignment, $"Partitions must be numbered from 0, each on broker {ClusterInfo.NodeId} alone: there is no other.");
            partitions = asked.Assignments.Length;
        }
        else if (TopicName.IsValid(asked.Name) && topics.Find(asked.Name) is null && partitions > 0 && asked.Replication is not (DefaultReplication or 1))
        {
            return Fail(ErrorCode.InvalidReplicationFactor, asked.Replication > 1
                ? $"Replication factor: {asked.Replication} larger than available brokers: 1."
                : "Replication factor must be larger than 0.");
        }

        if (asked.Settings.CountBy(s => s.Key).Any(c => c.Value > 1))
            return Fail(ErrorCode.InvalidRequest, "A configuration is named more than once.");
        if (asked.Settings.FirstOrDefault(s => s.Value is null).Key is { } withoutValue)
            return Fail(ErrorCode.InvalidConfig, $"Null value for configuration {withoutValue}.");
        var topic = topics.Create(asked.Name, partitions, asked.Settings.ToDictionary(s => s.Key, s => s.Value!), validateOnly, out var fault);
        return new Made(topic, fault);
    }

    private static Made Fail(ErrorCode error, string message) => new(null, new TopicFault(error, message));

    private void Write(KafkaWriter answer, short version, Asked asked, Made made)
    {
        answer.WriteString(asked.Name);
        if (version >= 7)
            answer.WriteUuid(made.Topic?.Id ?? Guid.Empty);
        answer.WriteError(made.Fault.Error);
        if (version >= 1)
            answer.WriteString(made.Fault.Message);
        if (version >= 5)
        {
            answer.WriteInt32(made.Topic?.Partitions.Length ?? -1);
            answer.WriteInt16(made.Topic is null ? (short)-1 : (short)1);
            if (made.Topic is null)
                answer.WriteArrayLength(-1);
            else
                answer.WriteArray(TopicSettings.Describe(made.Topic.Settings, options.LogDefaults), WriteSetting);
        }

        answer.WriteTags();
    }

    private static void WriteSetting(KafkaWriter answer, EffectiveSetting setting)
    {
        answer.WriteString(setting.Name);
        answer.WriteString(setting.Value);
        answer.WriteBool(false); // Read-only.
        answer.WriteInt8(setting.Source);
        answer.WriteBool(false); // Sensitive.
        answer.WriteTags();
    }
}
