using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Chat.Tests.Realtime;

/// <summary>A plain client of <c>/ws</c>: frames out, frames in, and what was asked for next among them.</summary>
public sealed class TestClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly ClientWebSocket _socket;
    private readonly LinkedList<JsonElement> _unread = [];
    private int _id;

    private TestClient(ClientWebSocket socket) => _socket = socket;

    public string? SubProtocol => _socket.SubProtocol;

    public static async Task<TestClient> OpenAsync(Uri address, string? token, Action<ClientWebSocketOptions>? configure = null, string query = "", HttpMessageInvoker? http = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("chat.v1");
        if (token is not null) socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        configure?.Invoke(socket.Options);
        await socket.ConnectAsync(new UriBuilder(address) { Scheme = "ws", Path = "/ws", Query = query }.Uri, http, CancellationToken.None).WaitAsync(Patience);
        return new TestClient(socket);
    }

    public Task SendTextAsync(string text) => SendBytesAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendBytesAsync(byte[] bytes, WebSocketMessageType type = WebSocketMessageType.Text, bool end = true) =>
        await _socket.SendAsync(bytes, type, end, CancellationToken.None).WaitAsync(Patience);

    /// <summary>Sends a command with an id of its own and returns that id.</summary>
    public async Task<int> SendAsync(object command)
    {
        var id = ++_id;
        var fields = JsonSerializer.SerializeToNode(command)!.AsObject();
        fields["id"] = id;
        await SendTextAsync(fields.ToJsonString());
        return id;
    }

    /// <summary>Sends a command and waits for its reply.</summary>
    public async Task<JsonElement> AskAsync(object command)
    {
        var id = await SendAsync(command);
        return await ReplyAsync(id);
    }

    public Task<JsonElement> ReplyAsync(int id) =>
        NextAsync(frame => frame.TryGetProperty("id", out var replied) && replied.ValueKind == JsonValueKind.Number && replied.GetInt32() == id, $"a reply to command {id}");

    public Task<JsonElement> NextAsync(string eventType) => NextAsync(frame => frame.GetProperty("event_type").GetString() == eventType, $"a frame of type {eventType}");

    /// <summary>The next frame that fits; others stay for later.</summary>
    public async Task<JsonElement> NextAsync(Func<JsonElement, bool> fits, string expected)
    {
        for (var node = _unread.First; node is not null; node = node.Next)
        {
            if (!fits(node.Value)) continue;
            _unread.Remove(node);
            return node.Value;
        }
        while (true)
        {
            var frame = await ReadAsync(expected) ?? throw new InvalidOperationException($"Closed with {_socket.CloseStatus} instead of {expected}");
            if (fits(frame)) return frame;
            _unread.AddLast(frame);
        }
    }

    /// <summary>A frame of this type that was read while waiting for others.</summary>
    public JsonElement? TryTakeUnread(string eventType)
    {
        for (var node = _unread.First; node is not null; node = node.Next)
        {
            if (node.Value.GetProperty("event_type").GetString() != eventType) continue;
            _unread.Remove(node);
            return node.Value;
        }
        return null;
    }

    /// <summary>Reads to the close frame and returns its code.</summary>
    public async Task<int> CloseCodeAsync()
    {
        while (await ReadAsync("a close frame") is { } frame) _unread.AddLast(frame);
        return (int)_socket.CloseStatus!.Value;
    }

    /// <summary>Closes with 1000 and returns the code of the answer.</summary>
    public async Task<int> CloseAsync()
    {
        await _socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None).WaitAsync(Patience);
        return (int)_socket.CloseStatus!.Value;
    }

    private async Task<JsonElement?> ReadAsync(string expected)
    {
        var buffer = new byte[4096];
        using var message = new MemoryStream();
        while (true)
        {
            WebSocketReceiveResult result;
            try
            {
                result = await _socket.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(Patience);
            }
            catch (TimeoutException)
            {
                throw new TimeoutException($"Nothing came, expected {expected}. Unread: {string.Join('\n', _unread)}");
            }
            if (result.MessageType == WebSocketMessageType.Close) return null;
            message.Write(buffer, 0, result.Count);
            if (result.EndOfMessage) return JsonDocument.Parse(message.ToArray()).RootElement;
        }
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
