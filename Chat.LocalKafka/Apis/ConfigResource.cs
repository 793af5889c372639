namespace Chat.LocalKafka.Apis;

/// <summary>What a configuration belongs to, in Kafka's numbers.</summary>
internal static class ConfigResource
{
    public const sbyte Topic = 2;
    public const sbyte Broker = 4;
    public const string ThisBroker = "1";
}
