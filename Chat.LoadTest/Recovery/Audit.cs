using Chat.LoadTest.Crowds;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Recovery;

/// <summary>The verdict at rest: every client has exactly the events that were acknowledged in its rooms, each once.</summary>
internal sealed class Audit
{
    private readonly Dictionary<string, (int Count, long Weight)> _written;

    /// <param name="acks">Of all writers.</param>
    public Audit(IReadOnlyList<SendAck> acks)
    {
        _written = acks.DistinctBy(ack => ack.EventId).GroupBy(ack => ack.Operation.RoomId)
            .ToDictionary(room => room.Key, room => (room.Count(), room.Sum(ack => FollowedRoom.Weigh(ack.EventId))));
    }

    /// <summary>What a client has too much or too little.</summary>
    public IEnumerable<string> Check(IEnumerable<(string RoomId, long Position, int Count, long Weight)> rooms) =>
        from room in rooms
        let written = _written.GetValueOrDefault(room.RoomId)
        where (room.Count, room.Weight) != written
        select $"{room.RoomId}: {room.Count} events came, up to {room.Position}, and not exactly the {written.Count} that were acknowledged";
}
