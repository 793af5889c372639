using Chat.LocalKafka.Apis;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Topics;

/// <summary>Checks and makes changes of topic configurations; they hold at once. The broker's own options change only with a restart.</summary>
internal sealed class TopicConfigurator(TopicRegistry topics)
{
    public TopicFault Change(
        sbyte resourceType,
        string name,
        bool validateOnly,
        Func<IReadOnlyDictionary<string, string>, IEnumerable<KeyValuePair<string, string?>>> change)
    {
        if (resourceType != ConfigResource.Topic)
            return new(ErrorCode.InvalidRequest, "Only topics can be configured; the broker's options are set at its start.");
        if (topics.Find(name) is not { } topic)
            return new(ErrorCode.UnknownTopicOrPartition, null);
        var settings = change(topic.Settings).ToArray();
        if (settings.CountBy(s => s.Key).Any(c => c.Value > 1))
            return new(ErrorCode.InvalidRequest, "A configuration is named more than once.");
        if (TopicSettings.FindFault(settings) is { } fault)
            return new(ErrorCode.InvalidConfig, fault);
        if (validateOnly)
            return default;
        try
        {
            topics.Configure(name, settings.ToDictionary(s => s.Key, s => s.Value!));
            return default;
        }
        catch (IOException failure)
        {
            return new(ErrorCode.KafkaStorageError, failure.Message);
        }
    }
}
