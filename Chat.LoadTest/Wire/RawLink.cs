using System.Text.Json;
using Chat.Contracts;

namespace Chat.LoadTest.Wire;

/// <summary>Commands and events as frames of <c>/ws</c>.</summary>
internal sealed class RawLink(ChatSocket socket) : ICommandLink
{
    public int Number => socket.Number;

    public Route Route => socket.Route;

    public Task ProbeAsync(int id) => SendAsync(new Command(CommandTypes.Ping), id);

    public Task SendAsync(Command command, int id, Action? beforeFirstByte = null) =>
        socket.SendAsync(command.ToJson(("event_type", command.EventType), ("id", id)), beforeFirstByte);

    public async Task<Heard?> ReceiveAsync()
    {
        if (await socket.ReceiveAsync() is not { } frame) return null;
        var refusal = frame.Text("event_type") == EventTypes.Error ? frame.Text("code") : null;
        return new Heard(frame.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.Number ? id.GetInt32() : null, refusal, frame);
    }

    public void Abort() => socket.Abort();

    public void Dispose() => socket.Dispose();
}
