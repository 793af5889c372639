using Chat.Contracts;
using Chat.Data.Numbering;

namespace Chat.Realtime.Sequencing;

/// <summary>The sequencers of the rooms that have events under way on this node. A room without any has none.</summary>
internal sealed class RoomSequencers(RoomNumbering numbering, NumberedDelivery delivery, TimeProvider time, ILogger<RoomSequencer> logger, IHostApplicationLifetime lifetime)
{
    // What one room may have under way while its numbering hangs; beyond it sends are refused before they are logged.
    private const int MaxReserved = 4_096;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, RoomSequencer> _sequencers = [];

    /// <summary>The room's sequencer with a place for one event. Throws <see cref="ChatException"/> <c>unavailable</c> when all are taken.</summary>
    public RoomSequencer Reserve(string roomId)
    {
        lock (_gate)
        {
            if (!_sequencers.TryGetValue(roomId, out var sequencer))
            {
                sequencer = new RoomSequencer(roomId, this, numbering, delivery, time, logger, lifetime.ApplicationStopped);
                _sequencers.Add(roomId, sequencer);
            }
            if (sequencer.Reserved >= MaxReserved)
                throw new ChatException(ErrorCodes.Unavailable, "Too many events of this room wait to be numbered.", retryAfterMs: 1_000);
            sequencer.Reserved++;
            return sequencer;
        }
    }

    /// <summary>Gives places back; the last one takes the sequencer away.</summary>
    public void Release(RoomSequencer sequencer, int count)
    {
        lock (_gate)
        {
            sequencer.Reserved -= count;
            if (sequencer.Reserved == 0) _sequencers.Remove(sequencer.RoomId);
        }
    }
}
