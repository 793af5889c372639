using System.Data.Common;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Numbering;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Realtime.Presence;
using Chat.Realtime.Publishing;
using Chat.Realtime.Transport;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Chat.Realtime.Commands;

/// <summary>
/// The one place where the commands of all transports meet. A command with an id gets exactly one reply; whatever fails becomes an error with a code,
/// and no command ends the connection.
/// </summary>
internal sealed partial class CommandDispatcher(
    MessageSender messages, ChangeSender changes, DataUpdates updates, RoomSubscriber subscriber, LocalRooms rooms, RoomQueries queries, TypingRelay typing,
    RoomAdmission admission, TokenAuthenticator authenticator, EndedSessions endedSessions,
    PresenceTracker presence, IOptions<ConnectionOptions> options, TimeProvider time, ILogger<CommandDispatcher> logger)
{
    private const int RetryAfterMs = 1_000;

    public int MaxInFlight => options.Value.MaxCommandsInFlight;

    public TimeProvider Time => time;

    /// <summary>Commands with the same lane have their turns one after another; null for those that need no order.</summary>
    public string? LaneOf(Connection connection, in Command command) => command.Kind switch
    {
        CommandKind.Ping or CommandKind.Authenticate => null,
        CommandKind.DirectMessage => command.UserId is { } peer ? RoomIds.Direct(connection.User.UserId, peer) : null,
        _ => command.RoomId,
    };

    /// <summary>
    /// Executes a command and replies. The outer task completes when the next command of the same room may have its turn, the inner one when the reply is queued.
    /// Neither ever fails, nor does <paramref name="turn"/>: before it a send asks what it has to ask, and everything else waits for it.
    /// </summary>
    public async Task<Task> BeginAsync(Connection connection, Command command, Task turn, CancellationToken cancellationToken)
    {
        if (connection.IsClosing) return Task.CompletedTask;
        try
        {
            if (command.Kind != CommandKind.Ping) presence.Touch(connection);
            if (!turn.IsCompleted) turn = TurnOfOpenAsync(connection, turn);
            if (BeginSendAsync(connection, command, turn, cancellationToken) is not { } beginning)
            {
                await turn;
                await ExecuteAsync(connection, command, cancellationToken);
                return Task.CompletedTask;
            }
            var rest = FinishSendAsync(connection, command, await beginning);
            if (command.Kind == CommandKind.DeleteMessage)
            {
                // What comes behind a deletion must find the message deleted; and all that waited for that is not done where the number arrived, before the room has its event.
                await rest;
                await EventLoop.LeaveAsync();
            }
            return rest;
        }
        catch (Exception e)
        {
            ReplyError(connection, command, e);
            return Task.CompletedTask;
        }
    }

    // What waited while its connection was closed, as that of a session that has ended is, is not done any more.
    private static async Task TurnOfOpenAsync(Connection connection, Task turn)
    {
        await turn;
        if (connection.IsClosing) throw new OperationCanceledException("The connection is being closed.");
    }

    // Null for a command that makes no durable event.
    private Task<Task<SendReceipt>>? BeginSendAsync(Connection connection, in Command command, Task turn, CancellationToken cancellationToken)
    {
        var user = connection.User;
        return command.Kind switch
        {
            CommandKind.ChatMessage => messages.BeginAsync(user, RoomOf(command), ContentOf(command), turn, cancellationToken),
            CommandKind.DirectMessage => messages.BeginDirectAsync(user, command.UserId ?? throw Bad("user_id is missing."), ContentOf(command), turn, cancellationToken),
            CommandKind.DataUpdate when command.Ephemeral is not true => updates.BeginAsync(user, RoomOf(command), DataOf(command), turn, cancellationToken),
            CommandKind.EditMessage => changes.BeginEditAsync(user, RoomOf(command), command.TargetId, command.Content, command.ClientId, turn, cancellationToken),
            CommandKind.DeleteMessage => changes.BeginDeleteAsync(user, RoomOf(command), command.TargetId, command.ClientId, turn, cancellationToken),
            CommandKind.React => changes.BeginReactAsync(
                user, RoomOf(command), command.TargetId, command.Content, command.Remove is true, command.ClientId, turn, cancellationToken),
            _ => null,
        };
    }

    private static SendMessageRequest ContentOf(in Command command) => new()
    {
        Content = command.Content,
        ContentType = command.ContentType,
        ClientId = command.ClientId,
        ReplyTo = command.ReplyTo,
        Attachments = command.Attachments,
    };

    private static SendMessageRequest DataOf(in Command command) => new() { Content = command.Content, ContentType = command.ContentType, ClientId = command.ClientId };

    private async Task FinishSendAsync(Connection connection, Command command, Task<SendReceipt> sending)
    {
        try
        {
            var receipt = await sending;
            if (!command.Id.IsEmpty) connection.Reply(Replies.Sent(command.Id, receipt));
        }
        catch (Exception e)
        {
            ReplyError(connection, command, e);
        }
    }

    private async Task ExecuteAsync(Connection connection, Command command, CancellationToken cancellationToken)
    {
        switch (command.Kind)
        {
            case CommandKind.Ping:
                Acknowledge(connection, command, Replies.Pong(command.Id, time.GetUtcNow()));
                break;
            case CommandKind.DataUpdate:
                Acknowledge(connection, command, Replies.SentLive(command.Id, await updates.SendLiveAsync(connection.User, RoomOf(command), DataOf(command), cancellationToken)));
                break;
            case CommandKind.Subscribe:
                RoomOf(command);
                await subscriber.SubscribeAsync(connection, command, cancellationToken);
                break;
            case CommandKind.Unsubscribe:
                RoomOf(command);
                // Away from the event loop: a large room's lock is held for as long as it sends.
                await EventLoop.LeaveAsync();
                rooms.Leave(connection, command.RoomId!);
                Acknowledge(connection, command, Replies.Ack(command.Id, command.RoomId));
                break;
            case CommandKind.History:
                Acknowledge(connection, command, await queries.HistoryAsync(connection.User, RoomOf(command), command, cancellationToken));
                break;
            case CommandKind.Presence:
                Acknowledge(connection, command, await queries.PresenceAsync(connection.User, RoomOf(command), command, cancellationToken));
                break;
            case CommandKind.Read:
                Acknowledge(connection, command, await queries.MarkReadAsync(connection.User, RoomOf(command), command, cancellationToken));
                break;
            case CommandKind.Typing:
                var active = command.Active ?? throw Bad("active is missing.");
                await admission.MemberAsync(RoomOf(command), connection.User, cancellationToken);
                await typing.SetAsync(connection.User, command.RoomId!, active);
                Acknowledge(connection, command, Replies.Ack(command.Id));
                break;
            case CommandKind.Authenticate:
                await AuthenticateAsync(connection, command, cancellationToken);
                break;
        }
    }

    private async Task AuthenticateAsync(Connection connection, Command command, CancellationToken cancellationToken)
    {
        var token = command.AccessToken ?? throw Bad("access_token is missing.");
        var user = await authenticator.ValidateAsync(token, cancellationToken);
        if (user is null || user.UserId != connection.User.UserId)
            throw new ChatException(ErrorCodes.Unauthorized, "The access token is wrong, expired, or another user's.");
        connection.User = user;
        endedSessions.Enforce(connection);
        Acknowledge(connection, command, Replies.Authenticated(command.Id, user.ExpiresAt));
    }

    private static void Acknowledge(Connection connection, in Command command, ReadOnlyMemory<byte> ack)
    {
        if (!command.Id.IsEmpty) connection.Reply(ack);
    }

    private void ReplyError(Connection connection, in Command command, Exception failure)
    {
        var refusal = failure switch
        {
            ChatException refused => refused,
            OperationCanceledException => null, // the connection is gone
            NumberingUnavailableException or RedisException or TimeoutException or DbException => new ChatException(
                ErrorCodes.Unavailable, "This cannot be done now.", RetryAfterMs),
            _ => new ChatException(ErrorCodes.Internal, "Something went wrong on our side."),
        };
        if (refusal is null) return;
        if (refusal.Code == ErrorCodes.Internal) Log.Failed(logger, failure, command.Kind, connection.Id);
        else if (failure is not ChatException) Log.Unavailable(logger, command.Kind, failure.Message);
        connection.Reply(Replies.Error(command.Id, refusal.Code, refusal.Message, refusal.RetryAfterMs));
    }

    private static string RoomOf(in Command command) =>
        command.RoomId is null ? throw Bad("room_id is missing.") : RoomIds.IsValid(command.RoomId) ? command.RoomId : throw Bad("room_id is not a room id.");

    private static ChatException Bad(string message) => new(ErrorCodes.BadRequest, message);

    private static partial class Log
    {
        [LoggerMessage(1030, LogLevel.Error, "Command {Kind} of connection {ConnectionId} failed")]
        public static partial void Failed(ILogger logger, Exception failure, CommandKind kind, string connectionId);

        [LoggerMessage(1031, LogLevel.Warning, "Command {Kind} is not possible now: {Reason}")]
        public static partial void Unavailable(ILogger logger, CommandKind kind, string reason);
    }
}
