namespace Chat.LocalKafka.Topics;

/// <summary>Kafka's rule for topic names, which also makes them safe as directory names.</summary>
internal static class TopicName
{
    private const int MaxLength = 249;

    public static bool IsValid(string name) =>
        name.Length is > 0 and <= MaxLength
        && name is not ("." or "..")
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
}
