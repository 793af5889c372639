using System.Collections.Concurrent;
using Chat.Contracts;
using Chat.Data;
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
/// come at the same time share one; names that nobody has are remembered for some seconds, since programs repeat what they write. While Postgres is away messages go out
/// without mentions rather than not at all.
/// </summary>
internal sealed partial class Mentions
{
    // Enough for people; a message that names a whole company notifies nobody in particular.
    private const int MaxMentions = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // Whoever registers under such a name is not mentioned by it for so long. Over the bound all are forgotten.
    private static readonly TimeSpan NobodyFor = TimeSpan.FromSeconds(10);
    private const int MaxNobodies = 10_000;

    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _time;
    private readonly ILogger<Mentions> _logger;
    private readonly SharedQueries<(string RoomId, string UserName), Named> _named;
    private readonly ConcurrentDictionary<string, long> _nobodies = new(); // since when

    public Mentions(NpgsqlDataSource database, TimeProvider time, ILogger<Mentions> logger)
    {
        (_database, _time, _logger) = (database, time, logger);
        _named = new(ReadAsync);
    }

    public async ValueTask<MentionedMembers> FindAsync(string roomId, string content, CancellationToken cancellationToken)
    {
        var names = NamesIn(content);
        names.RemoveWhere(IsNobody);
        if (names.Count == 0) return MentionedMembers.None;
        try
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(Patience);
            var named = await Task.WhenAll(names.Select(name => FindNamedAsync(roomId, name, deadline.Token)));
            var members = named.OfType<Named>().Where(one => one.RoomName is not null).DistinctBy(one => one.UserId)
                .OrderBy(one => one.UserId, StringComparer.Ordinal).Take(MaxMentions).ToList();
            return members.Count == 0 ? MentionedMembers.None : new MentionedMembers([.. members.Select(one => one.UserId)], members[0].RoomName);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Log.LeftOut(_logger, roomId, e.Message);
            return MentionedMembers.None;
        }
    }

    private async Task<Named?> FindNamedAsync(string roomId, string name, CancellationToken cancellationToken)
    {
        var named = await _named.FindAsync((roomId, name), cancellationToken);
        if (named is null)
        {
            if (_nobodies.Count >= MaxNobodies) _nobodies.Clear();
            _nobodies[name] = _time.GetTimestamp();
        }
        return named;
    }

    private bool IsNobody(string name) => _nobodies.TryGetValue(name, out var since) && _time.GetElapsedTime(since) < NobodyFor;

    private async Task<IReadOnlyDictionary<(string, string), Named>> ReadAsync(IReadOnlyCollection<(string RoomId, string UserName)> asked)
    {
        using var deadline = new CancellationTokenSource(Patience);
        await using var command = _database.CreateCommand(
            """
            select asked.room_id, asked.user_name, u.user_id, r.name from unnest($1, $2) as asked (room_id, user_name)
                join users u on u.user_name = asked.user_name
                left join members m on m.room_id = asked.room_id and m.user_id = u.user_id
                left join rooms r on r.room_id = m.room_id
            """);
        command.Parameters.Add(new() { Value = asked.Select(one => one.RoomId).ToArray() });
        command.Parameters.Add(new() { Value = asked.Select(one => one.UserName).ToArray() });
        await using var reader = await command.ExecuteReaderAsync(deadline.Token);
        var found = new Dictionary<(string, string), Named>();
        while (await reader.ReadAsync(deadline.Token))
            found[(reader.GetString(0), reader.GetString(1))] = new Named(reader.GetString(2), await reader.IsDBNullAsync(3, deadline.Token) ? null : reader.GetString(3));
        return found;
    }

    /// <summary>A user of that name; without a room's name when not a member of it.</summary>
    private sealed record Named(string UserId, string? RoomName);

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
