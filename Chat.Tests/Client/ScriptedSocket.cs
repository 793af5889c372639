using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Chat.Tests.Client;

/// <summary>The raw WebSocket: each of its messages is a frame of the protocol.</summary>
internal sealed class ScriptedSocket(WebSocket socket, HttpContext context) : ScriptedPeer(socket, context)
{
    public override Task SendAsync(string json) =>
        Socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

    public override Task CloseAsync(int code, string text = "") =>
        Socket.CloseOutputAsync((WebSocketCloseStatus)code, text, CancellationToken.None);

    protected override long Read(ReadOnlySequence<byte> received, Action<JsonElement> command)
    {
        command(JsonElement.Parse(received.ToArray()));
        return received.Length;
    }
}
