using Chat.Contracts;
using Npgsql;

namespace Chat.Realtime.Publishing;

/// <summary>Members whom a message mentions, and their room's name; both empty when it mentions nobody.</summary>
internal readonly record struct MentionedMembers(IReadOnlyList<string> UserIds, string? RoomName)
{
    public static MentionedMembers None => new([], null);

    /// <summary>As <c>mentions</c> of the envelope, which is left out when there are none.</summary>
    public IReadOnlyList<string>? ToEnvelope() => UserIds.Count > 0 ? UserIds : null;
}

/// <summary>
/// Finds whom a message mentions with <c>@user_name</c>: members of its room, each once. Only a message with an <c>@</c> costs a look into Postgres;
/// while that is away messages go out without mentions rather than not at all.
/// </summary>
internal sealed partial class Mentions(NpgsqlDataSource database, ILogger<Mentions> logger)
{
    // Enough for people; a message that names a whole company notifies nobody in particular.
    private const int MaxMentions = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public async ValueTask<MentionedMembers> FindAsync(string roomId, string content, CancellationToken cancellationToken)
    {
        var names = NamesIn(content);
        if (names.Count == 0) return MentionedMembers.None;
        try
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(Patience);
            await using var command = database.CreateCommand(
                """
                select u.user_id, r.name from users u join members m on m.user_id = u.user_id join rooms r on r.room_id = m.room_id
                where m.room_id = $1 and u.user_name = any($2) order by u.user_id limit $3
                """);
            command.Parameters.Add(new() { Value = roomId });
            command.Parameters.Add(new() { Value = names.ToArray() });
            command.Parameters.Add(new() { Value = MaxMentions });
            await using var reader = await command.ExecuteReaderAsync(deadline.Token);
            var (users, roomName) = (new List<string>(), (string?)null);
            while (await reader.ReadAsync(deadline.Token))
            {
                users.Add(reader.GetString(0));
                roomName = reader.GetString(1);
            }
            return new MentionedMembers(users, roomName);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Log.LeftOut(logger, roomId, e.Message);
            return MentionedMembers.None;
        }
    }

    /// <summary>The names after an <c>@</c> that does not itself stand behind a name (as in an e-mail address).</summary>
    internal static HashSet<string> NamesIn(string content)
    {
        var names = new HashSet<string>();
        for (var at = content.IndexOf('@'); at >= 0 && names.Count < 2 * MaxMentions; at = content.IndexOf('@', at + 1))
        {
            if (at > 0 && IsNameCharacter(content[at - 1])) continue;
            var end = at + 1;
            while (end < content.Length && end - at <= UserNames.MaxLength && IsNameCharacter(content[end])) end++;
            var name = content[(at + 1)..end];
            // A full stop may end the sentence as well as the name.
            foreach (var candidate in new[] { name, name.TrimEnd('.', '-', '_') })
                if (UserNames.Normalize(candidate) is { } normal) names.Add(normal);
        }
        return names;
    }

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.';

    private static partial class Log
    {
        [LoggerMessage(1080, LogLevel.Warning, "The mentions of a message in room {RoomId} were left out: {Reason}")]
        public static partial void LeftOut(ILogger logger, string roomId, string reason);
    }
}
