using System.Buffers;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using Chat.Tests.EndToEnd;
using Microsoft.AspNetCore.Http;

namespace Chat.Tests.Client;

/// <summary>The server's end of one connection. Tests speak frames of the protocol; a wire that has none of them says the same in its own way.</summary>
internal abstract class ScriptedPeer(WebSocket socket, HttpContext context)
{
    private readonly Channel<JsonElement> _commands = Channel.CreateUnbounded<JsonElement>();

    protected WebSocket Socket { get; } = socket;

    /// <summary>Completes when the client's end of the connection has ended.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    public void Begin(bool swallows) => Ended = swallows ? Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted) : ReadAsync();

    public Task WelcomeAsync(DateTimeOffset? sessionExpiresAt = null, DateTimeOffset? now = null) => SendAsync(
        $$"""{"event_type":"welcome","protocol":"chat.v1","user_id":"u1","user_name":"ann","connection_id":"c1","node_id":"n1","heartbeat_ms":20000,"max_message_bytes":32768{{(sessionExpiresAt is { } at ? $",\"session_expires_at\":\"{at:O}\"" : "")}}{{(now is { } sent ? $",\"timestamp\":\"{sent:O}\"" : "")}}}""");

    /// <summary>Sends a frame of the protocol: an event, an ack or an error.</summary>
    public abstract Task SendAsync(string json);

    /// <summary>The next command, which must be of <paramref name="type"/>.</summary>
    public async Task<JsonElement> ExpectAsync(string type)
    {
        var command = await ExpectAsync();
        Assert.Equal(type, command.GetProperty("event_type").GetString());
        return command;
    }

    /// <summary>The next command.</summary>
    public Task<JsonElement> ExpectAsync() => _commands.Reader.ReadAsync().AsTask().Within("a command");

    /// <summary>True when the client has sent a command that nobody has taken.</summary>
    public bool HasWaitingCommand => _commands.Reader.TryPeek(out _);

    /// <summary>Acknowledges <paramref name="command"/> with <paramref name="fields"/>, the inside of a JSON object.</summary>
    public Task AckAsync(JsonElement command, string fields) =>
        SendAsync($$"""{"event_type":"ack","id":{{command.GetProperty("id")}},{{fields}}}""");

    public Task RefuseAsync(JsonElement command, string code, int? retryAfterMs = null) =>
        SendAsync($$"""{"event_type":"error","id":{{command.GetProperty("id")}},"code":"{{code}}","message":"no"{{(retryAfterMs is { } ms ? $",\"retry_after_ms\":{ms}" : "")}}}""");

    /// <summary>Acknowledges a <c>subscribe</c>.</summary>
    public Task AckSubscribeAsync(JsonElement command, long head, string epoch = "0", bool recovered = true, params string[] events) =>
        AckAsync(command, $"\"room_id\":\"{command.GetProperty("room_id").GetString()}\",\"epoch\":\"{epoch}\",\"head_seq\":{head},\"first_seq\":1,\"recovered\":{(recovered ? "true" : "false")},\"events\":[{string.Join(',', events)}]");

    /// <summary>Acknowledges a message as number <paramref name="seq"/>.</summary>
    public Task AckMessageAsync(JsonElement command, long seq) =>
        AckAsync(command, $"\"room_id\":\"{(command.TryGetProperty("room_id", out var room) ? room.GetString() : "dm.1")}\",\"client_id\":\"{command.GetProperty("client_id").GetString()}\",\"event_id\":\"{Guid.NewGuid()}\",\"seq\":{seq},\"epoch\":\"0\",\"timestamp\":\"2026-11-24T12:00:00.000Z\"");

    /// <summary>A message event, as it is delivered.</summary>
    public static string Message(long seq, string room = "lobby", string epoch = "0") =>
        $$"""{"seq":{{seq}},"epoch":"{{epoch}}","event_type":"chat_message","event_id":"{{Guid.NewGuid()}}","room_id":"{{room}}","sender_id":"u2","sender_name":"bob","content":"m{{seq}}","timestamp":"2026-11-24T12:00:00.000Z"}""";

    /// <summary>Closes as the platform does.</summary>
    public abstract Task CloseAsync(int code, string text = "");

    /// <summary>Resets the connection without a word.</summary>
    public void Drop() => context.Abort();

    /// <summary>Takes the commands out of what the client sent, whole messages of the wire from the beginning on, and says how much of it was used.</summary>
    protected abstract long Read(ReadOnlySequence<byte> received, Action<JsonElement> command);

    private async Task ReadAsync()
    {
        var received = new ArrayBufferWriter<byte>(64 * 1024);
        try
        {
            while (true)
            {
                var part = await Socket.ReceiveAsync(received.GetMemory(16 * 1024), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close) break;
                received.Advance(part.Count);
                if (!part.EndOfMessage) continue;
                var rest = received.WrittenMemory[(int)Read(new ReadOnlySequence<byte>(received.WrittenMemory), command => _commands.Writer.TryWrite(command))..].ToArray();
                received.ResetWrittenCount();
                received.Write(rest);
            }
            if (Socket.State == WebSocketState.CloseReceived) await Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // the connection broke, which is how many of these tests end it
        }
        _commands.Writer.TryComplete();
    }
}
