using System.Buffers;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chat.Contracts;
using Chat.Realtime.Hub;
using MessagePack;
using MessagePack.Resolvers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;
using Microsoft.Extensions.Options;

namespace Chat.Tests.Client;

/// <summary>
/// A hub connection, message by message: a call of a method is the command that the protocol's page gives it, an ack its result, an error
/// its exception, and everything else a call of the client's one method.
/// </summary>
internal sealed class ScriptedHub(WebSocket socket, HttpContext context, IHubProtocol protocol) : ScriptedPeer(socket, context)
{
    private static readonly Dictionary<string, string> Methods = new()
    {
        ["SendMessage"] = CommandTypes.ChatMessage,
        ["SendDirectMessage"] = CommandTypes.DirectMessage,
        ["SendDataUpdate"] = CommandTypes.DataUpdate,
        ["EditMessage"] = CommandTypes.EditMessage,
        ["DeleteMessage"] = CommandTypes.DeleteMessage,
        ["React"] = CommandTypes.React,
        ["Subscribe"] = CommandTypes.Subscribe,
        ["Unsubscribe"] = CommandTypes.Unsubscribe,
        ["GetHistory"] = CommandTypes.History,
        ["GetPresence"] = CommandTypes.Presence,
        ["SetTyping"] = CommandTypes.Typing,
        ["MarkRead"] = CommandTypes.Read,
        ["Authenticate"] = CommandTypes.Authenticate,
    };

    /// <summary>Answers the hub's handshake, whose request is read here.</summary>
    public static async Task<ScriptedHub> AcceptAsync(WebSocket socket, HttpContext context, Wire wire)
    {
        // The payload of the real hub, so that the client is tested against what that writes.
        IHubProtocol protocol = wire == Wire.SignalR ? new JsonHubProtocol() : new MessagePackHubProtocol(Options.Create(new MessagePackHubProtocolOptions
        {
            SerializerOptions = MessagePackSerializerOptions.Standard.WithResolver(CompositeResolver.Create([new HubPayloadFormatter()], [StandardResolver.Instance])),
        }));
        var buffer = new byte[1024];
        var request = await socket.ReceiveAsync(buffer, CancellationToken.None);
        Assert.Contains($"\"protocol\":\"{protocol.Name}\"", Encoding.UTF8.GetString(buffer, 0, request.Count));
        var answer = new ArrayBufferWriter<byte>();
        HandshakeProtocol.WriteResponseMessage(HandshakeResponseMessage.Empty, answer);
        var hub = new ScriptedHub(socket, context, protocol);
        await hub.WriteAsync(answer.WrittenMemory);
        return hub;
    }

    public override Task SendAsync(string json)
    {
        var frame = JsonNode.Parse(json)!.AsObject();
        var type = (string?)frame["event_type"];
        if (type is not (EventTypes.Ack or EventTypes.Error)) return WriteAsync(new InvocationMessage("event", [new HubPayload(Encoding.UTF8.GetBytes(json))]));
        var call = frame["id"]!.ToString();
        if (type == EventTypes.Ack)
        {
            frame.Remove("event_type");
            frame.Remove("id");
            return WriteAsync(CompletionMessage.WithResult(call, new HubPayload(Encoding.UTF8.GetBytes(frame.ToJsonString()))));
        }
        var refusal = frame["retry_after_ms"] is { } wait ? $"{frame["code"]}: {wait}" : $"{frame["code"]}: {frame["message"]}";
        return WriteAsync(CompletionMessage.WithError(call, $"An unexpected error occurred invoking a method on the server. HubException: {refusal}"));
    }

    public override async Task CloseAsync(int code, string text = "")
    {
        await WriteAsync(new CloseMessage($"{code}: {text}", allowReconnect: true));
        try
        {
            await Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
        catch (WebSocketException)
        {
            return; // the client has read the message and closed already
        }
    }

    protected override long Read(ReadOnlySequence<byte> received, Action<JsonElement> command)
    {
        var left = received;
        while (protocol.TryParseMessage(ref left, Payloads.Instance, out var message))
        {
            if (message is InvocationMessage call) command(CommandOf(call));
        }
        return received.Length - left.Length;
    }

    private static JsonElement CommandOf(InvocationMessage call)
    {
        var command = JsonNode.Parse(((HubPayload)Assert.Single(call.Arguments)!).Utf8.Span)!.AsObject();
        Assert.False(command.ContainsKey("event_type") || command.ContainsKey("id"), "the call itself says these");
        command["event_type"] = Methods[call.Target];
        if (call.InvocationId is { } id) command["id"] = long.Parse(id, CultureInfo.InvariantCulture);
        return JsonSerializer.SerializeToElement(command);
    }

    private Task WriteAsync(HubMessage message) => WriteAsync(protocol.GetMessageBytes(message));

    private Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        var type = protocol.TransferFormat == Microsoft.AspNetCore.Connections.TransferFormat.Text ? WebSocketMessageType.Text : WebSocketMessageType.Binary;
        return Socket.SendAsync(bytes, type, endOfMessage: true, CancellationToken.None).AsTask();
    }

    /// <summary>Every argument is one object.</summary>
    private sealed class Payloads : IInvocationBinder
    {
        public static Payloads Instance { get; } = new();

        public IReadOnlyList<Type> GetParameterTypes(string methodName) => [typeof(HubPayload)];

        public Type GetReturnType(string invocationId) => typeof(HubPayload);

        public Type GetStreamItemType(string streamId) => typeof(HubPayload);
    }
}
