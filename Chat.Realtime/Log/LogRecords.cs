using System.Globalization;
using System.Text;
using Chat.Contracts;
using Chat.Realtime.Publishing;
using Confluent.Kafka;

namespace Chat.Realtime.Log;

/// <summary>The record of an event in the log: key = room, value = the envelope without seq and epoch, and what numbering needs as headers.</summary>
internal static class LogRecords
{
    public static TopicPartition PartitionOf(Publication publication) => new(LogTopics.Events, LogTopics.PartitionOf(publication.RoomId));

    public static Message<string, byte[]> ToMessage(Publication publication)
    {
        var outgoing = publication.Outgoing;
        var headers = new Headers
        {
            Text(LogHeaders.EventId, publication.Pending.EventId.ToString("N")),
            Text(LogHeaders.CreatedEpoch, outgoing.CreatedEpoch.ToString(CultureInfo.InvariantCulture)),
            Text(LogHeaders.Timestamp, publication.Pending.TimestampMs.ToString(CultureInfo.InvariantCulture)),
        };
        if (outgoing.OtherIds.Count > 0) headers.Add(Text(LogHeaders.OtherIds, string.Join(',', outgoing.OtherIds.Select(id => id.ToString("N")))));
        if (outgoing.AccessVersion > 0) headers.Add(Text(LogHeaders.Access, outgoing.AccessVersion.ToString(CultureInfo.InvariantCulture)));
        if (outgoing.Participants is { } participants) headers.Add(Text(LogHeaders.Participants, string.Join('\n', participants)));
        return new Message<string, byte[]> { Key = publication.RoomId, Value = publication.Body, Headers = headers };
    }

    private static Header Text(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));
}
