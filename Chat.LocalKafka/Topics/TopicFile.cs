using System.Text.Json;
using System.Text.Json.Serialization;
using Chat.LocalKafka.Log;

namespace Chat.LocalKafka.Topics;

/// <summary>The description of a topic in its directory, topic.json. A directory without it is a topic whose creation was not finished.</summary>
internal sealed partial record TopicFile(Guid Id, int Partitions, Dictionary<string, string> Settings)
{
    private const string FileName = "topic.json";

    public static TopicFile? TryRead(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
            return null;
        return JsonSerializer.Deserialize(File.ReadAllBytes(path), TopicFileJson.Default.TopicFile)
            ?? throw new InvalidDataException($"{path} is empty; delete the directory to give the topic up.");
    }

    public void Write(string directory) =>
        Durable.Replace(Path.Combine(directory, FileName), JsonSerializer.SerializeToUtf8Bytes(this, TopicFileJson.Default.TopicFile));

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
    [JsonSerializable(typeof(TopicFile))]
    private sealed partial class TopicFileJson : JsonSerializerContext;
}
