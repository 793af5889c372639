using Chat.Contracts;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Transport;

/// <summary>What the peer's side of a connection has come to.</summary>
internal enum PeerSide : byte
{
    Speaks,
    /// <summary>Its close frame was read; what follows is ignored.</summary>
    Closed,
    /// <summary>It broke the protocol: what it says has no meaning any more.</summary>
    Broken,
}

/// <summary>Does what a peer's frames ask for, on every transport.</summary>
internal static class PeerFrames
{
    public static PeerSide Handle(in IncomingFrame frame, Connection connection, CommandLanes lanes)
    {
        switch (frame.Kind)
        {
            case IncomingKind.Text:
                if (!connection.IsClosing) lanes.Enter(frame.Payload); // else read on only to see the peer's own close frame
                return PeerSide.Speaks;
            case IncomingKind.Ping:
                connection.Pong(frame.Payload);
                return PeerSide.Speaks;
            case IncomingKind.Close:
                // Ours follows with the same code, unless it was ours that came first.
                connection.Close(frame.Code == 1005 ? CloseCodes.Normal : frame.Code, "");
                return PeerSide.Closed;
            case IncomingKind.Violation:
                connection.Close(frame.Code, frame.Reason);
                return PeerSide.Broken;
            default:
                return PeerSide.Speaks; // a pong: that something was heard is what counts
        }
    }

    public static PeerSide RefuseTooSlow(Connection connection)
    {
        connection.Close(CloseCodes.PolicyViolation, "message in too many pieces or too slow");
        return PeerSide.Broken;
    }
}
