using Chat.Realtime.Auth;

namespace Chat.Realtime.Connections;

/// <summary>One client connection. Frames leave in the order of <see cref="TrySend"/>; its queue is bounded, and over the bound it is closed with 4408.</summary>
public sealed class Connection(string id, ConnectedUser user)
{
    public string Id { get; } = id;

    /// <summary>Replaced by <c>authenticate</c>.</summary>
    public ConnectedUser User { get; internal set; } = user;

    /// <summary>Queues one encoded text message; false when the connection is closing.</summary>
    public bool TrySend(ReadOnlyMemory<byte> message) => throw new NotImplementedException();

    /// <summary>Starts the close handshake with a code of <see cref="Chat.Contracts.CloseCodes"/>; what is queued before it is still sent.</summary>
    public void Close(int code, string reason) => throw new NotImplementedException();
}
