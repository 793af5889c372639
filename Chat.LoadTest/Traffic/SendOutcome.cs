namespace Chat.LoadTest.Traffic;

/// <summary>How one try ended.</summary>
internal enum SendOutcome
{
    Acked,
    /// <summary>Not acked, or nothing is known: to be repeated with the same <c>client_id</c>.</summary>
    Repeat,
    /// <summary>Refused for good.</summary>
    Refused,
}
