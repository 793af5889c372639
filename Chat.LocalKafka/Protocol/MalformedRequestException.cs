namespace Chat.LocalKafka.Protocol;

/// <summary>The bytes are not what the protocol says. The connection is closed, as Kafka does; nothing else is touched.</summary>
internal sealed class MalformedRequestException(string message) : Exception(message);
