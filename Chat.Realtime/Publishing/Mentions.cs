using Chat.Contracts;
using Chat.Realtime.Access;
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
/// Finds whom a message mentions with <c>@user_name</c>: members of its room, each once. Only a message with an <c>@</c> costs a look into Postgres, and those that
/// come at the same time share one; while Postgres is away messages go out without mentions rather than not at all.
/// </summary>
internal sealed partial class Mentions
{
    // Enough for people; a message that names a whole company notifies nobody in particular.
    private const int MaxMentions = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly NpgsqlDataSource _database;
    private readonly ILogger<Mentions> _logger;
    private readonly SharedReads<(string RoomId, string UserName), Member> _members;

    public Mentions(NpgsqlDataSource database, ILogger<Mentions> logger)
    {
        (_database, _logger) = (database, logger);
        _members = new(ReadAsync);
    }

    public async ValueTask<MentionedMembers> FindAsync(string roomId, string content, CancellationToken cancellationToken)
    {
        var names = NamesIn(content);
        if (names.Count == 0) return MentionedMembers.None;
        try
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(Patience);
            var found = await Task.WhenAll(names.Select(name => _members.FindAsync((roomId, name), deadline.Token)));
            var members = found.OfType<Member>().DistinctBy(member => member.UserId).OrderBy(member => member.UserId, StringComparer.Ordinal).Take(MaxMentions).ToList();
            return members.Count == 0 ? MentionedMembers.None : new MentionedMembers([.. members.Select(member => member.UserId)], members[0].RoomName);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Log.LeftOut(_logger, roomId, e.Message);
            return MentionedMembers.None;
        }
    }

    private async Task<IReadOnlyDictionary<(string, string), Member>> ReadAsync(IReadOnlyCollection<(string RoomId, string UserName)> asked)
    {
        using var deadline = new CancellationTokenSource(Patience);
        await using var command = _database.CreateCommand(
            """
            select asked.room_id, asked.user_name, u.user_id, r.name from unnest($1, $2) as asked (room_id, user_name)
                join users u on u.user_name = asked.user_name
                join members m on m.room_id = asked.room_id and m.user_id = u.user_id
                join rooms r on r.room_id = asked.room_id
            """);
        command.Parameters.Add(new() { Value = asked.Select(one => one.RoomId).ToArray() });
        command.Parameters.Add(new() { Value = asked.Select(one => one.UserName).ToArray() });
        await using var reader = await command.ExecuteReaderAsync(deadline.Token);
        var found = new Dictionary<(string, string), Member>();
        while (await reader.ReadAsync(deadline.Token)) found[(reader.GetString(0), reader.GetString(1))] = new Member(reader.GetString(2), reader.GetString(3));
        return found;
    }

    private sealed record Member(string UserId, string RoomName);

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
