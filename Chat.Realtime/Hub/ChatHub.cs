using Chat.Contracts;
using Microsoft.AspNetCore.SignalR;

namespace Chat.Realtime.Hub;

/// <summary>
/// The commands as hub methods: each takes one object with the command's fields and returns the ack's fields, or throws a <see cref="HubException"/>
/// that starts with the error code. They meet the WebSocket's commands in the same dispatcher. A hub lives for one call.
/// </summary>
internal sealed class ChatHub(HubSessions sessions) : Microsoft.AspNetCore.SignalR.Hub
{
    private HubSession.Invocation? _invocation;

    public override Task OnConnectedAsync() => sessions.OpenAsync(Context);

    public override Task OnDisconnectedAsync(Exception? exception) => HubSessions.CloseAsync(Context);

    public Task<HubPayload> SendMessage(HubPayload message) => Call(CommandTypes.ChatMessage, message);

    public Task<HubPayload> SendDirectMessage(HubPayload message) => Call(CommandTypes.DirectMessage, message);

    public Task<HubPayload> SendDataUpdate(HubPayload update) => Call(CommandTypes.DataUpdate, update);

    public Task<HubPayload> EditMessage(HubPayload edit) => Call(CommandTypes.EditMessage, edit);

    public Task<HubPayload> DeleteMessage(HubPayload deletion) => Call(CommandTypes.DeleteMessage, deletion);

    public Task<HubPayload> React(HubPayload reaction) => Call(CommandTypes.React, reaction);

    public Task<HubPayload> Subscribe(HubPayload subscription) => Call(CommandTypes.Subscribe, subscription);

    public Task<HubPayload> Unsubscribe(HubPayload room) => Call(CommandTypes.Unsubscribe, room);

    public Task<HubPayload> GetHistory(HubPayload query) => Call(CommandTypes.History, query);

    public Task<HubPayload> GetPresence(HubPayload query) => Call(CommandTypes.Presence, query);

    public Task<HubPayload> SetTyping(HubPayload typing) => Call(CommandTypes.Typing, typing);

    public Task<HubPayload> MarkRead(HubPayload marker) => Call(CommandTypes.Read, marker);

    public Task<HubPayload> Authenticate(HubPayload token) => Call(CommandTypes.Authenticate, token);

    // The framework disposes the hub when it has written the result (or has none to write): what is to follow the reply may go then.
    protected override void Dispose(bool disposing)
    {
        _invocation?.SetWritten();
        base.Dispose(disposing);
    }

    // Without an await before it: the framework starts calls in the order in which they arrived, and here the order is taken over.
    private Task<HubPayload> Call(string eventType, HubPayload argument)
    {
        var session = HubSessions.Of(Context) ?? throw new HubException($"{ErrorCodes.Unavailable}: The connection is closing.");
        _invocation = session.Begin(eventType, argument);
        return _invocation.Reply;
    }
}
