namespace Chat.LoadTest.Measuring;

/// <summary>
/// When each publish is due and where: fixed before the first one leaves, and never moved by a slow answer. Latency counts from these moments, so that
/// what waits behind a stall is counted as late too (no coordinated omission). Rooms take turns.
/// </summary>
/// <param name="Rate">Publishes a second, over all rooms.</param>
/// <param name="Rooms">How many.</param>
/// <param name="WarmUp">Publishes of this first time are accounted for, and left out of the latencies.</param>
/// <param name="Length">What is measured, after the warm-up.</param>
internal sealed record PublishSchedule(double Rate, int Rooms, TimeSpan WarmUp, TimeSpan Length)
{
    public int Count { get; } = Math.Max(1, (int)Math.Round(Rate * (WarmUp + Length).TotalSeconds));

    /// <summary>From the start of the schedule.</summary>
    public TimeSpan DueAt(int publish) => TimeSpan.FromSeconds(publish / Rate);

    public int RoomOf(int publish) => publish % Rooms;

    /// <summary>Which of its room's publishes it is.</summary>
    public int TurnOf(int publish) => publish / Rooms;

    public int PublishAt(int room, int turn) => turn * Rooms + room;

    /// <summary>How many publishes a room gets.</summary>
    public int TurnsOf(int room) => (Count - room + Rooms - 1) / Rooms;

    public bool IsMeasured(int publish) => DueAt(publish) >= WarmUp;
}
