using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Chat.Tests.Realtime;

namespace Chat.Tests.Hub;

/// <summary>A hub connection below any SignalR library, which reads only when it is told to, through a small receive buffer.</summary>
internal sealed class SlowHubClient : IDisposable
{
    private const string EndOfMessage = "\u001e";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[4_096];

    /// <summary>Connects and subscribes to a room; what comes after the answer is not read.</summary>
    public static async Task<SlowHubClient> SubscribeAsync(TestNode node, string user, string roomId)
    {
        var client = new SlowHubClient();
        client._socket.Options.SetRequestHeader("Authorization", $"Bearer {TestNode.Token(user)}");
        var invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellationToken) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4_096 };
                await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        await client._socket.ConnectAsync(new UriBuilder(node.Address) { Scheme = "ws", Path = "/hubs/chat" }.Uri, invoker, CancellationToken.None).WaitAsync(Patience);
        await client.SendAsync(new { protocol = "json", version = 1 });
        await client.SendAsync(new { type = 1, invocationId = "1", target = "Subscribe", arguments = new[] { new { room_id = roomId } } });
        await client.ReadUntilAsync("\"invocationId\":\"1\"");
        return client;
    }

    /// <summary>Reads to the hub's close message, which clients take as the end, and returns it.</summary>
    public Task<string> CloseMessageAsync() => ReadUntilAsync("\"type\":7");

    public void Dispose() => _socket.Dispose();

    private Task SendAsync(object message) =>
        _socket.SendAsync(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(message) + EndOfMessage), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None).WaitAsync(Patience);

    private async Task<string> ReadUntilAsync(string expected)
    {
        var message = new StringBuilder();
        while (true)
        {
            var part = await _socket.ReceiveAsync(_buffer, CancellationToken.None).WaitAsync(Patience);
            Assert.True(part.MessageType != WebSocketMessageType.Close, $"Closed instead of {expected}.");
            foreach (var character in Encoding.Latin1.GetString(_buffer, 0, part.Count))
            {
                if (character != EndOfMessage[0])
                {
                    message.Append(character);
                    continue;
                }
                var whole = message.ToString();
                message.Clear();
                // What stands behind it in the same part is not wanted by these tests.
                if (whole.Contains(expected, StringComparison.Ordinal)) return whole;
            }
        }
    }
}
