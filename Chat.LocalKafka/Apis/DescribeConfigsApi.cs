using System.Globalization;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>The configuration of topics, and the part of a Kafka broker's configuration that clients look at.</summary>
internal sealed class DescribeConfigsApi(TopicRegistry topics, KafkaBrokerOptions options) : Api(ApiKey.DescribeConfigs, 0, 4, flexibleFrom: 4)
{
    private const sbyte UnknownType = 0;

    private readonly record struct Asked(sbyte Type, string Name, string[]? Keys);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var asked = body.ReadArray(r =>
        {
            var resource = new Asked(r.ReadInt8(), r.ReadString(), r.ReadNullableArray(k => k.ReadString()));
            r.SkipTags();
            return resource;
        });
        if (version >= 1)
            body.ReadBool(); // Synonyms are always empty.
        if (version >= 3)
            body.ReadBool(); // So is documentation.
        body.SkipTags();

        answer.WriteInt32(0);
        answer.WriteArray(asked, (w, resource) =>
        {
            var (settings, error, message) = Describe(resource);
            w.WriteError(error);
            w.WriteString(message);
            w.WriteInt8(resource.Type);
            w.WriteString(resource.Name);
            var wanted = settings.Where(s => resource.Keys is null || resource.Keys.Contains(s.Name)).ToArray();
            w.WriteArray(wanted, (w, setting) => Write(w, version, setting, readOnly: resource.Type == ConfigResource.Broker));
            w.WriteTags();
        });
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private (EffectiveSetting[] Settings, ErrorCode Error, string? Message) Describe(Asked asked) => asked.Type switch
    {
        ConfigResource.Topic when !TopicName.IsValid(asked.Name) => ([], ErrorCode.InvalidTopicException, "The topic name is invalid."),
        ConfigResource.Topic => topics.Find(asked.Name) is { } topic
            ? (TopicSettings.Describe(topic.Settings, options.LogDefaults), ErrorCode.None, null)
            : ([], ErrorCode.UnknownTopicOrPartition, null),
        ConfigResource.Broker when asked.Name is "" or ConfigResource.ThisBroker => (BrokerSettings(), ErrorCode.None, null),
        ConfigResource.Broker => ([], ErrorCode.InvalidRequest, $"The only broker is {ConfigResource.ThisBroker}."),
        _ => ([], ErrorCode.InvalidRequest, "Only topics (2) and brokers (4) have a configuration here."),
    };

    private EffectiveSetting[] BrokerSettings()
    {
        var log = options.LogDefaults;
        return
        [
            Of("auto.create.topics.enable", options.AutoCreateTopics ? "true" : "false"),
            Of("default.replication.factor", "1"),
            Of("group.max.session.timeout.ms", Text(options.MaxSessionTimeout.TotalMilliseconds)),
            Of("group.min.session.timeout.ms", Text(options.MinSessionTimeout.TotalMilliseconds)),
            Of("log.retention.bytes", Text(log.RetentionBytes)),
            Of("log.retention.ms", Text(log.RetentionMs)),
            Of("log.segment.bytes", Text(log.SegmentBytes)),
            Of("message.max.bytes", Text(log.MaxMessageBytes)),
            Of("min.insync.replicas", "1"),
            Of("num.partitions", Text(options.DefaultPartitions)),
            Of("offsets.retention.minutes", Text(options.OffsetsRetention.TotalMinutes)),
            Of("unclean.leader.election.enable", "false"),
        ];
    }

    private static EffectiveSetting Of(string name, string value) => new(name, value, EffectiveSetting.FromBroker);

    private static string Text(double value) => value.ToString("0", CultureInfo.InvariantCulture);

    private static void Write(KafkaWriter answer, short version, EffectiveSetting setting, bool readOnly)
    {
        answer.WriteString(setting.Name);
        answer.WriteString(setting.Value);
        answer.WriteBool(readOnly);
        if (version == 0)
            answer.WriteBool(setting.Source == EffectiveSetting.FromDefault);
        else
            answer.WriteInt8(setting.Source);
        answer.WriteBool(false); // Sensitive.
        if (version >= 1)
            answer.WriteArrayLength(0);
        if (version >= 3)
        {
            answer.WriteInt8(UnknownType);
            answer.WriteString(null);
        }

        answer.WriteTags();
    }
}
