namespace Chat.LoadTest.Measuring;

/// <summary>What the sender of a publish was told.</summary>
internal enum PublishFate : byte
{
    /// <summary>It was not sent: there was no connection.</summary>
    NotSent,
    /// <summary>No answer came: it may be in the room or not.</summary>
    Unanswered,
    Refused,
    Acked,
}
