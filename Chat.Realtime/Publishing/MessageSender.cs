using Chat.Contracts.Api;
using Chat.Realtime.Auth;

namespace Chat.Realtime.Publishing;

/// <summary>
/// The one way by which a user's message comes in, whatever the transport: validation, preflight (known id, limits, access), then <see cref="EventPublisher"/>.
/// </summary>
public sealed class MessageSender
{
    /// <summary>Sends a chat message into a room; joins a public room by itself. Throws <see cref="Chat.Contracts.ChatException"/> with the code of the refusal.</summary>
    public Task<SendReceipt> SendAsync(ConnectedUser sender, string roomId, SendMessageRequest message, CancellationToken cancellationToken) => throw new NotImplementedException();
}
