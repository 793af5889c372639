using Chat.Contracts;

namespace Chat.Client.Connecting;

/// <summary>How a connection or an attempt ended, and what follows from it.</summary>
/// <param name="Reason">For people.</param>
/// <param name="CloseCode">Of the WebSocket, where there was one.</param>
/// <param name="Closed">Not null: the end for good.</param>
/// <param name="AtLeast">Time that the server asks to wait.</param>
/// <param name="Moved">The server asked to move: no failure, and no back-off.</param>
/// <param name="Overloaded">The back-off starts further up.</param>
/// <param name="TurnedAway">Refused before the connection stood: the platform, or only this part of it, takes nobody now.</param>
/// <param name="Stable">The connection stood long enough to begin the back-off anew.</param>
internal sealed record LinkEnd(
    string Reason, int? CloseCode = null, ClosedReason? Closed = null, TimeSpan AtLeast = default, bool Moved = false,
    bool Overloaded = false, bool TurnedAway = false, bool Stable = false)
{
    /// <summary>What a client does on each close code (see <see cref="CloseCodes"/>); null when the connection broke without one.</summary>
    public static LinkEnd Of(int? code, string? text) => code switch
    {
        CloseCodes.PolicyViolation => new(Text(text, "The server closed the connection by policy."), code, ClosedReason.Policy),
        CloseCodes.TooManyConnections => new(Text(text, "There are too many connections of this user."), code, ClosedReason.TooManyConnections),
        CloseCodes.TryAgainLater => new(Text(text, "The server is overloaded."), code, Overloaded: true),
        CloseCodes.SessionExpired => new(Text(text, "The session expired."), code),
        CloseCodes.SlowConsumer => new(Text(text, "Events were read too slowly."), code),
        CloseCodes.ServiceRestart => new(Text(text, "The server restarts."), code),
        null => new("The connection was lost."),
        _ => new(Text(text, $"The server closed the connection ({code})."), code),
    };

    /// <summary>What follows from a failed handshake other than a refused token.</summary>
    public static LinkEnd Of(HandshakeException failure) => failure.Status switch
    {
        403 => new("The server forbids the connection.", Closed: ClosedReason.Forbidden),
        429 => new("There were too many attempts.", AtLeast: failure.RetryAfter ?? TimeSpan.FromSeconds(1), Overloaded: true),
        503 => new("The server is not available.", AtLeast: failure.RetryAfter ?? default, Overloaded: true, TurnedAway: true),
        _ => new(failure.Message),
    };

    private static string Text(string? given, string otherwise) => string.IsNullOrEmpty(given) ? otherwise : given;
}
