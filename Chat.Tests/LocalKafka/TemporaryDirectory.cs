namespace Chat.Tests.LocalKafka;

/// <summary>A directory of one test, deleted with it.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("chat-kafka-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
