using System.Text;

namespace Chat.Contracts;

/// <summary>
/// Topics of the log and the partition of a room. Every process computes the partition with <see cref="PartitionOf"/> and checks at
/// start that the topic has <see cref="Partitions"/> partitions: a room in two partitions would have two orders.
/// </summary>
public static class LogTopics
{
    /// <summary>Key = room_id, value = the envelope without <c>seq</c> and <c>epoch</c>, headers of <see cref="LogHeaders"/>.</summary>
    public const string Events = "chat.events";
    /// <summary>Copies of records that could not be written as they were, with the reason in a header.</summary>
    public const string Dead = "chat.dead";
    public const int Partitions = 12;

    /// <summary>The partition of a room: murmur2 of the key, as Kafka's own default partitioner computes it.</summary>
    public static int PartitionOf(string roomId)
    {
        Span<byte> key = stackalloc byte[RoomIds.MaxLength * 3];
        var length = Encoding.UTF8.GetBytes(roomId, key);
        return (int)((Murmur2(key[..length]) & 0x7fffffff) % Partitions);
    }

    // MurmurHash2, 32 bit, seed 0x9747b28c: org.apache.kafka.common.utils.Utils.murmur2.
    private static uint Murmur2(ReadOnlySpan<byte> data)
    {
        const uint m = 0x5bd1e995;
        var h = 0x9747b28c ^ (uint)data.Length;
        var i = 0;
        for (; i + 4 <= data.Length; i += 4)
        {
            var k = BitConverter.ToUInt32(data[i..]);
            k *= m;
            k ^= k >> 24;
            k *= m;
            h *= m;
            h ^= k;
        }
        var rest = data.Length - i;
        if (rest >= 3) h ^= (uint)data[i + 2] << 16;
        if (rest >= 2) h ^= (uint)data[i + 1] << 8;
        if (rest >= 1) { h ^= data[i]; h *= m; }
        h ^= h >> 13;
        h *= m;
        h ^= h >> 15;
        return h;
    }
}

/// <summary>Headers of a record in <see cref="LogTopics.Events"/>: what numbering needs and the envelope does not say. Values are UTF-8 text.</summary>
public static class LogHeaders
{
    /// <summary>Event id, 32 hex digits.</summary>
    public const string EventId = "id";
    /// <summary>Ids of the same client_id on the neighbouring UTC days, 32 hex digits each, joined by commas; absent when there are none.</summary>
    public const string OtherIds = "other-ids";
    /// <summary>Access version of the room that the event brings (membership and role changes); absent when it changes nothing.</summary>
    public const string Access = "access";
    /// <summary>Epoch in which the room was created, decimal.</summary>
    public const string CreatedEpoch = "created-epoch";
    /// <summary>Timestamp of the event, Unix milliseconds.</summary>
    public const string Timestamp = "ts";
    /// <summary>The two user ids of a direct room, joined by a line feed; absent in other rooms.</summary>
    public const string Participants = "participants";
    /// <summary>Why a record is in <see cref="LogTopics.Dead"/>.</summary>
    public const string Reason = "reason";
}
