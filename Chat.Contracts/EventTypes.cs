namespace Chat.Contracts;

/// <summary>Values of <c>event_type</c> that travel from the server to clients: the whole event vocabulary of the wire.</summary>
public static class EventTypes
{
    // Durable: numbered, logged, persisted, in history.
    public const string ChatMessage = "chat_message";
    public const string MessageEdited = "message_edited";
    public const string MessageDeleted = "message_deleted";
    public const string ReactionAdded = "reaction_added";
    public const string ReactionRemoved = "reaction_removed";
    public const string UserJoin = "user_join";
    public const string UserLeave = "user_leave";
    public const string DataUpdate = "data_update";

    // Ephemeral: delivered live or not at all.
    public const string Typing = "typing";
    public const string Presence = "presence";
    public const string Read = "read";
    public const string RoomUpdated = "room_updated";
    public const string Notification = "notification";
    public const string Unsubscribed = "unsubscribed";
    public const string Resync = "resync";

    // Of the connection itself.
    public const string Welcome = "welcome";
    public const string Ack = "ack";
    public const string Error = "error";
    public const string Pong = "pong";
    public const string Reconnect = "reconnect";
}

/// <summary>Values of <c>event_type</c> that a client sends.</summary>
public static class CommandTypes
{
    public const string ChatMessage = "chat_message";
    public const string DirectMessage = "direct_message";
    public const string DataUpdate = "data_update";
    public const string EditMessage = "edit_message";
    public const string DeleteMessage = "delete_message";
    public const string React = "react";
    public const string Subscribe = "subscribe";
    public const string Unsubscribe = "unsubscribe";
    public const string History = "history";
    public const string Presence = "presence";
    public const string Typing = "typing";
    public const string Read = "read";
    public const string Authenticate = "authenticate";
    public const string Ping = "ping";
}
