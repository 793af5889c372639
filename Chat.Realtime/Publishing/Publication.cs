using System.Globalization;
using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Numbering;

namespace Chat.Realtime.Publishing;

/// <summary>One durable event on its way: encoded once for the log, the hot stream and every receiver.</summary>
internal sealed class Publication
{
    // What follows an ack runs where the number arrived, after the room has its event: it is short, and a hand-over to the pool would cost more.
    private readonly TaskCompletionSource<SendReceipt> _receipt = new();

    public Publication(OutgoingEvent outgoing)
    {
        var envelope = outgoing.Envelope;
        Outgoing = outgoing;
        RoomId = envelope.RoomId ?? throw new ArgumentException("A durable event has a room_id.", nameof(outgoing));
        var timestamp = envelope.Timestamp ?? throw new ArgumentException("A durable event has a timestamp.", nameof(outgoing));
        Body = JsonSerializer.SerializeToUtf8Bytes(envelope, ChatJson.Wire.ChatEvent);
        Pending = new PendingEvent(
            Guid.Parse(envelope.EventId ?? throw new ArgumentException("A durable event has an event_id.", nameof(outgoing))),
            outgoing.OtherIds, outgoing.AccessVersion, timestamp.ToUnixTimeMilliseconds(), Body)
        {
            UnknownIn = outgoing.UnknownIn,
        };
    }

    public OutgoingEvent Outgoing { get; }
    public string RoomId { get; }
    public byte[] Body { get; }
    public PendingEvent Pending { get; }

    /// <summary>The ack; fails with a <see cref="ChatException"/> when the outcome is unknown.</summary>
    public Task<SendReceipt> Receipt => _receipt.Task;

    public void Numbered(EventNumber number) => _receipt.TrySetResult(ToReceipt(RoomId, Outgoing.Envelope.ClientId, number));

    public void Unknown(string message)
    {
        _receipt.TrySetException(new ChatException(ErrorCodes.Unavailable, message, retryAfterMs: 1_000));
        _ = _receipt.Task.Exception; // nobody has to wait for it
    }

    /// <summary>The ack of an event that has its number.</summary>
    public static SendReceipt ToReceipt(string roomId, string? clientId, EventNumber number) =>
        new(roomId, clientId, number.EventId.ToString("D"), number.Seq, number.Epoch.ToString(CultureInfo.InvariantCulture),
            DateTimeOffset.FromUnixTimeMilliseconds(number.TimestampMs));
}
