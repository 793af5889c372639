using Chat.LocalKafka.Log;

namespace Chat.LocalKafka.Topics;

/// <summary>A topic and its open partitions. Immutable: changes make a new one in the registry.</summary>
internal sealed record Topic(string Name, Guid Id, IReadOnlyDictionary<string, string> Settings, PartitionLog[] Partitions)
{
    public PartitionLog? Partition(int index) => (uint)index < (uint)Partitions.Length ? Partitions[index] : null;
}
