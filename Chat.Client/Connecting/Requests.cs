using Chat.Contracts;

namespace Chat.Client.Connecting;

/// <summary>
/// Commands that may be repeated without harm (everything but messages): each is sent again when the connection is lost before the
/// reply, until it is answered or <see cref="ChatClientOptions.RequestTimeout"/> is over.
/// </summary>
internal sealed class Requests(CurrentLink links, ChatClientOptions options)
{
    /// <returns>The ack.</returns>
    /// <exception cref="ChatException">Refused; or <c>unavailable</c>: no answer in time.</exception>
    public async Task<ServerReply> SendAsync(ClientCommand command, Action<ServerReply>? onAck, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(options.RequestTimeout, options.TimeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            while (true)
            {
                var link = await links.WaitAsync(either.Token);
                try
                {
                    return ThrowIfRefused(await link.RequestAsync(command, onAck is null ? null : reply => OnReply(reply, onAck), either.Token));
                }
                catch (ConnectionLostException)
                {
                    links.Abandon(link); // the next round is on the next connection
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ChatException(ErrorCodes.Unavailable, $"No answer within {options.RequestTimeout.TotalSeconds:0.#} s.");
        }
    }

    /// <summary>The reply, if it is none of refusal.</summary>
    /// <exception cref="ChatException">It is one.</exception>
    public static ServerReply ThrowIfRefused(ServerReply reply) =>
        reply.EventType == EventTypes.Error ? throw RefusalOf(reply) : reply;

    public static ChatException RefusalOf(ServerReply reply) =>
        new(reply.Code ?? ErrorCodes.Internal, reply.Message ?? "The server refused it.", reply.RetryAfterMs);

    private static void OnReply(ServerReply reply, Action<ServerReply> onAck)
    {
        if (reply.EventType != EventTypes.Error) onAck(reply);
    }
}
