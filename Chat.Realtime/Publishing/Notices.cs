using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;
using EventId = Chat.Contracts.EventId;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Tells users about what concerns them on their own channels, wherever they are connected and whatever they are subscribed to: one notification for each user
/// and event, to nobody about their own doing, and to members about the messages of a room only as they have chosen (<see cref="NotifyChoice"/>). Live only: who
/// is away finds mentions and messages in their rooms.
/// </summary>
public sealed partial class Notices(LiveChannels channels, NotifyChoice choice, TimeProvider time, ILogger<Notices> logger)
{
    // Enough for a line of preview; the message itself is in its room.
    private const int PreviewLength = 200;

    /// <summary>To those whom a message mentions, and to the other one of a direct room. Never fails.</summary>
    internal async Task MessageAsync(ConnectedUser sender, SendReceipt receipt, string content, RoomStanding standing, MentionedMembers mentioned)
    {
        var concerned = mentioned.UserIds.Select(user => (UserId: user, Kind: NotificationKinds.Mention))
            .Concat((standing.Participants ?? []).Select(user => (UserId: user, Kind: NotificationKinds.Direct)))
            .Where(one => one.UserId != sender.UserId)
            .DistinctBy(one => one.UserId)
            .ToList();
        if (concerned.Count == 0) return;
        var levels = await LevelsAsync(receipt.RoomId, [.. concerned.Select(one => one.UserId)]);
        var told = levels is null ? concerned : concerned.Where(one => levels.TryGetValue(one.UserId, out var level) && Wants(level, one.Kind));
        var title = standing.Kind == RoomKinds.Direct ? sender.Name : mentioned.RoomName;
        await Task.WhenAll(told.Select(one => TellAsync(one.UserId, one.Kind, receipt.RoomId, receipt.EventId, sender, title, Preview(content))));
    }

    /// <summary>To one who was taken into a room by somebody else; <paramref name="joinId"/> is the event that says so. Never fails.</summary>
    public Task InvitationAsync(ConnectedUser by, string userId, string roomId, string roomName, string joinId) =>
        userId == by.UserId
            ? Task.CompletedTask
            : TellAsync(userId, NotificationKinds.Invitation, roomId, joinId, by, roomName, content: null);

    private static bool Wants(string level, string kind) =>
        level == NotifyLevels.All || (level == NotifyLevels.Mentions && kind == NotificationKinds.Mention);

    // Null when it cannot be told who has chosen what: then too much is better than nothing.
    private async Task<Dictionary<string, string>?> LevelsAsync(string roomId, IReadOnlyCollection<string> userIds)
    {
        try
        {
            var levels = await Task.WhenAll(userIds.Select(async user => (User: user, Level: await choice.LevelAsync(roomId, user, CancellationToken.None))));
            return levels.Where(one => one.Level is not null).ToDictionary(one => one.User, one => one.Level!);
        }
        catch (Exception e) // nobody waits for it, and the node may be stopping under it
        {
            Log.LevelsNotKnown(logger, roomId, e.Message);
            return null;
        }
    }

    private async Task TellAsync(string userId, string kind, string roomId, string targetId, ConnectedUser by, string? title, string? content)
    {
        var now = time.GetUtcNow();
        var envelope = JsonSerializer.SerializeToUtf8Bytes(new ChatEvent
        {
            EventType = EventTypes.Notification,
            EventId = EventId.New(now).ToString("D"),
            RoomId = roomId,
            SenderId = by.UserId,
            SenderName = by.Name,
            Kind = kind,
            Title = title,
            TargetId = targetId,
            Content = content,
            Timestamp = now,
        }, ChatJson.Wire.ChatEvent);
        try
        {
            await channels.PublishToUserAsync(userId, envelope);
        }
        catch (Exception e) // nobody waits for it, and the node may be stopping under it
        {
            Log.NotTold(logger, kind, e.Message);
        }
    }

    private static string Preview(string content) =>
        content.Length <= PreviewLength ? content : content[..(char.IsHighSurrogate(content[PreviewLength - 1]) ? PreviewLength - 1 : PreviewLength)];

    private static partial class Log
    {
        [LoggerMessage(1082, LogLevel.Information, "Everybody concerned is notified of a message in room {RoomId}, whatever they have chosen: {Reason}")]
        public static partial void LevelsNotKnown(ILogger logger, string roomId, string reason);

        [LoggerMessage(1081, LogLevel.Warning, "A notification ({Kind}) was not delivered: {Reason}")]
        public static partial void NotTold(ILogger logger, string kind, string reason);
    }
}
