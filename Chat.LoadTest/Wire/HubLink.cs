using System.Globalization;
using System.Text.Json;
using Chat.Contracts;

namespace Chat.LoadTest.Wire;

/// <summary>
/// Commands and events over SignalR: the JSON hub protocol over one WebSocket, by hand and without a negotiation. Records end with 0x1E;
/// one message of the socket may carry several.
/// </summary>
internal sealed class HubLink : ICommandLink
{
    private const byte RecordEnd = 0x1E;
    private const int Invocation = 1;
    private const int Completion = 3;
    private const int Close = 7;
    // What the framework writes in front of the platform's own words.
    private const string BeforeCode = "HubException: ";
    private static readonly TimeSpan HandshakePatience = TimeSpan.FromSeconds(4);

    private static readonly Dictionary<string, string> Methods = new()
    {
        [CommandTypes.ChatMessage] = "SendMessage",
        [CommandTypes.DirectMessage] = "SendDirectMessage",
        [CommandTypes.DataUpdate] = "SendDataUpdate",
        [CommandTypes.EditMessage] = "EditMessage",
        [CommandTypes.DeleteMessage] = "DeleteMessage",
        [CommandTypes.React] = "React",
        [CommandTypes.Subscribe] = "Subscribe",
        [CommandTypes.Authenticate] = "Authenticate",
    };

    private readonly ChatSocket _socket;
    private readonly string _token;
    private readonly Queue<byte[]> _records = new();
    private readonly List<byte> _unfinished = [];

    private HubLink(ChatSocket socket, string token) => (_socket, _token) = (socket, token);

    public int Number => _socket.Number;

    public Route Route => _socket.Route;

    public static async Task<HubLink> ConnectAsync(int number, Route route, string token, CancellationToken stop)
    {
        var link = new HubLink(await ChatSocket.ConnectAsync(number, route, "/hubs/chat", subProtocol: null, token, stop), token);
        try
        {
            await link._socket.SendAsync("{\"protocol\":\"json\",\"version\":1}" + (char)RecordEnd);
            var answer = await link.RecordAsync().WaitAsync(HandshakePatience, stop) ?? throw new LinkLostException($"{route.Name} closed the hub at once");
            using var json = JsonDocument.Parse(answer);
            // A node that drains says so here.
            if (json.RootElement.TextOrNull("error") is { } error) throw new LinkLostException($"{route.Name} refused the hub: {error}");
            return link;
        }
        catch (TimeoutException late)
        {
            link.Dispose();
            throw new LinkLostException($"{route.Name} gave the hub no handshake", late);
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    /// <summary>The hub has no ping that is answered: the token that it knows is sent again.</summary>
    public Task ProbeAsync(int id) => SendAsync(new Command(CommandTypes.Authenticate, ("access_token", _token)), id);

    public Task SendAsync(Command command, int id, Action? beforeFirstByte = null) => _socket.SendAsync(string.Create(
        CultureInfo.InvariantCulture, $"{{\"type\":{Invocation},\"invocationId\":\"{id}\",\"target\":\"{Methods[command.EventType]}\",\"arguments\":[{command.ToJson()}]}}{(char)RecordEnd}"), beforeFirstByte);

    public async Task<Heard?> ReceiveAsync()
    {
        if (await RecordAsync() is not { } record) return null;
        using var json = JsonDocument.Parse(record);
        var message = json.RootElement;
        switch (message.GetProperty("type").GetInt32())
        {
            case Invocation when message.Text("target") == "event":
                return new Heard(null, null, message.GetProperty("arguments")[0].Clone());
            case Completion:
                var id = int.Parse(message.Text("invocationId"), CultureInfo.InvariantCulture);
                return message.TextOrNull("error") is { } error ? new Heard(id, CodeOf(error), default) : new Heard(id, null, message.GetProperty("result").Clone());
            case Close:
                return null;
            default:
                return new Heard(null, null, default); // the framework's own ping
        }
    }

    public void Abort() => _socket.Abort();

    public void Dispose() => _socket.Dispose();

    /// <summary>An error that is not in the platform's words is a fault of it.</summary>
    private static string CodeOf(string error)
    {
        var start = error.IndexOf(BeforeCode, StringComparison.Ordinal);
        return start < 0 ? ErrorCodes.Internal : error[(start + BeforeCode.Length)..].Split(':')[0];
    }

    private async Task<byte[]?> RecordAsync()
    {
        while (_records.Count == 0)
        {
            if (await _socket.ReceiveBytesAsync() is not { } message) return null;
            var rest = message.AsSpan();
            for (var end = rest.IndexOf(RecordEnd); end >= 0; end = rest.IndexOf(RecordEnd))
            {
                _records.Enqueue([.. _unfinished, .. rest[..end]]);
                _unfinished.Clear();
                rest = rest[(end + 1)..];
            }
            _unfinished.AddRange(rest);
            if (_unfinished.Count > ChatSocket.MaxFrameBytes) throw new LinkLostException($"{Route.Name} sent a record of over {ChatSocket.MaxFrameBytes} bytes");
        }
        return _records.Dequeue();
    }
}
