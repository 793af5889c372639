using System.Globalization;
using System.Text;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Data.Writing;
using Confluent.Kafka;

namespace Chat.Persister;

/// <summary>A record of the log that is an event.</summary>
/// <param name="Event">What numbering needs; its body is clean also where the record's was not.</param>
/// <param name="Participants">The two users of a direct room; empty in other rooms.</param>
internal sealed record LogRecord(string RoomId, PendingEvent Event, int CreatedEpoch, IReadOnlyList<string> Participants)
{
    /// <summary>All ids under which the event may have its number.</summary>
    public IEnumerable<Guid> Ids => Event.OtherIds.Prepend(Event.EventId);
}

/// <summary>Reads records. A record that is no event of ours is told apart, never thrown over: the log outlives every mistake that was made in it.</summary>
internal static class LogRecordReader
{
    /// <summary>The event, and why a copy of the record belongs among the dead letters; one of the two may be null.</summary>
    public static (LogRecord? Record, string? Fault) Read(ConsumeResult<byte[]?, byte[]?> consumed)
    {
        var message = consumed.Message;
        if (message.Key is null || message.Value is null)
            return (null, "no key or no value");
        var roomId = Encoding.UTF8.GetString(message.Key);
        if (!RoomIds.IsValid(roomId))
            return (null, "the key is not a room id");
        if (LogTopics.PartitionOf(roomId) != consumed.Partition.Value)
            return (null, "the room belongs to another partition");
        if (!TryReadHeaders(message.Headers, out var headers, out var header))
            return (null, $"header '{header}' is missing or malformed");
        var fault = EventText.FindFault(message.Value);
        var body = fault is null ? message.Value : EventText.Clean(message.Value);
        if (body is null)
            return (null, fault);
        var pending = new PendingEvent(headers.EventId, headers.OtherIds, headers.Access, headers.Timestamp, body);
        return (new LogRecord(roomId, pending, headers.CreatedEpoch, headers.Participants), fault);
    }

    private readonly record struct EventHeaders(
        Guid EventId, IReadOnlyList<Guid> OtherIds, long Access, long Timestamp, int CreatedEpoch, IReadOnlyList<string> Participants);

    private static bool TryReadHeaders(Headers headers, out EventHeaders result, out string failed)
    {
        result = default;
        failed = LogHeaders.EventId;
        if (!Guid.TryParseExact(Text(headers, LogHeaders.EventId), "N", out var eventId))
            return false;

        failed = LogHeaders.OtherIds;
        var others = new List<Guid>(2);
        foreach (var text in Split(Text(headers, LogHeaders.OtherIds), ','))
        {
            if (!Guid.TryParseExact(text, "N", out var other))
                return false;
            others.Add(other);
        }

        failed = LogHeaders.Access;
        if (!TryReadNumber(headers, LogHeaders.Access, out var access))
            return false;
        failed = LogHeaders.Timestamp;
        if (!TryReadNumber(headers, LogHeaders.Timestamp, out var timestamp))
            return false;
        failed = LogHeaders.CreatedEpoch;
        if (!TryReadNumber(headers, LogHeaders.CreatedEpoch, out var createdEpoch) || createdEpoch > int.MaxValue)
            return false;
        result = new EventHeaders(eventId, others, access, timestamp, (int)createdEpoch, Split(Text(headers, LogHeaders.Participants), '\n'));
        return true;
    }

    /// <summary>A header that is absent is 0.</summary>
    private static bool TryReadNumber(Headers headers, string name, out long value)
    {
        value = 0;
        return Text(headers, name) is not { } text || (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= ProtocolLimits.NumbersPerEpoch << 20);
    }

    private static string? Text(Headers headers, string name) =>
        headers is not null && headers.TryGetLastBytes(name, out var bytes) && bytes is not null ? Encoding.UTF8.GetString(bytes) : null;

    private static string[] Split(string? text, char separator) => string.IsNullOrEmpty(text) ? [] : text.Split(separator);
}
