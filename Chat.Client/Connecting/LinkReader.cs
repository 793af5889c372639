using System.Text.Json;
using Chat.Client.Delivery;
using Chat.Client.Rooms;
using Chat.Contracts;
using Microsoft.Extensions.Logging;

namespace Chat.Client.Connecting;

/// <summary>
/// The one reader of a connection. Replies and events are handled in the order of their frames, so an ack of <c>subscribe</c> is
/// applied before the live events behind it.
/// </summary>
internal sealed partial class LinkReader(RoomStreams rooms, EventDelivery delivery, ILogger logger)
{
    // No node takes longer to drain; more would keep the client from a connection for a server's mistake.
    private const int MaxMoveDelayMs = 300_000;

    /// <summary>Reads until the connection ends.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="link">Gets the replies.</param>
    /// <param name="onMove">Told when the server asks to move, with the delay.</param>
    /// <param name="cancellationToken">Ends the connection at once.</param>
    public async Task ReadAsync(ChatSocket socket, ChatLink link, Action<TimeSpan> onMove, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await delivery.WhenBelowBoundAsync(cancellationToken);
                if (await socket.ReceiveAsync(cancellationToken) is not { } text) return;
                Handle(text.Span, link, onMove);
            }
        }
        catch (OperationCanceledException)
        {
            socket.Abort();
        }
        catch (Exception e) // of any kind: what the server sent was not what this library can follow
        {
            // Skipping the frame could skip an event; a new connection resumes before it.
            Log.Unreadable(logger, e);
            socket.Abort();
        }
    }

    private void Handle(ReadOnlySpan<byte> text, ChatLink link, Action<TimeSpan> onMove)
    {
        switch (ServerFrame.TypeOf(text))
        {
            case EventTypes.Ack or EventTypes.Error or EventTypes.Pong:
                var reply = JsonSerializer.Deserialize(text, ChatJson.Wire.ServerReply)!;
                if (reply.Id is not null) link.Complete(reply);
                else Log.ErrorWithoutId(logger, reply.Code, reply.Message);
                break;
            case EventTypes.Reconnect:
                onMove(TimeSpan.FromMilliseconds(Math.Clamp(JsonSerializer.Deserialize(text, ChatJson.Wire.ChatEvent)!.AfterMs ?? 0, 0, MaxMoveDelayMs)));
                break;
            case EventTypes.Welcome:
                break; // the handshake has read it
            default:
                rooms.Receive(JsonSerializer.Deserialize(text, ChatJson.Wire.ChatEvent)!);
                break;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "A frame of the server could not be read; the connection is made anew")]
        public static partial void Unreadable(ILogger logger, Exception exception);

        [LoggerMessage(2, LogLevel.Warning, "The server refused a frame without id: {Code} {Message}")]
        public static partial void ErrorWithoutId(ILogger logger, string? code, string? message);
    }
}
