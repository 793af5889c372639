using Chat.Contracts;
using Chat.Realtime.Nodes;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Realtime.Presence;

/// <summary>A page of a room's members with their status.</summary>
/// <param name="Count">Members with an open connection, also those who are away.</param>
public sealed record PresencePage(int Count, IReadOnlyList<PresentUser> Users, bool HasMore);

/// <summary>
/// Answers the <c>presence</c> command. Processes that are not alive are not believed, reaped or not.
/// The count is exact in rooms of up to 500 members; in larger ones see <see cref="OnlineMembers"/>.
/// </summary>
public sealed class PresenceQuery
{
    private readonly PresenceStore _store;
    private readonly OnlineMembers _online;
    private readonly LiveNodes _nodes;
    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _time;

    internal PresenceQuery(PresenceStore store, OnlineMembers online, LiveNodes nodes, NpgsqlDataSource database, TimeProvider time)
    {
        _store = store;
        _online = online;
        _nodes = nodes;
        _database = database;
        _time = time;
    }

    /// <summary>Members in the order of their ids, after <paramref name="after"/> (a user id). Throws <c>unavailable</c> when Redis or Postgres is away.</summary>
    public async Task<PresencePage> GetAsync(string roomId, int limit, string? after, CancellationToken cancellationToken)
    {
        try
        {
            var members = await MembersAsync(roomId, after ?? "", limit + 1, cancellationToken);
            var page = members.Count > limit ? members.GetRange(0, limit) : members;
            var states = await StatesAsync(page, cancellationToken);
            var now = _time.GetUtcNow();
            var users = page.Zip(states, (member, state) => new PresentUser(
                member.UserId, member.UserName, state.Status, state.Status == PresenceStatus.Online ? now : state.LastSeen)).ToList();
            // A first page that holds the whole room is its own count.
            var count = after is null && members.Count <= limit
                ? users.Count(user => user.Status != PresenceStatus.Offline)
                : await CountAsync(roomId, cancellationToken);
            return new PresencePage(count, users, members.Count > limit);
        }
        catch (Exception failure) when (failure is RedisException or NpgsqlException or TimeoutException)
        {
            throw new ChatException(ErrorCodes.Unavailable, "Presence cannot be read now.");
        }
    }

    private async Task<int> CountAsync(string roomId, CancellationToken cancellationToken)
    {
        var members = await MembersAsync(roomId, "", ProtocolLimits.MaxPresenceEventMembers + 1, cancellationToken);
        if (members.Count > ProtocolLimits.MaxPresenceEventMembers) return await _online.CountAsync(roomId, cancellationToken);
        var states = await StatesAsync(members, cancellationToken);
        return states.Count(state => state.Status != PresenceStatus.Offline);
    }

    private async Task<List<(string Status, DateTimeOffset? LastSeen)>> StatesAsync(List<(string UserId, string UserName)> members, CancellationToken cancellationToken)
    {
        var stored = await _store.GetAsync(members.ConvertAll(member => member.UserId)).WaitAsync(cancellationToken);
        await _nodes.LearnAsync(stored.SelectMany(presence => presence.Parts.Select(part => part.Process))).WaitAsync(cancellationToken);
        return stored.Select(presence => (presence.StatusBy(_nodes.Contains), presence.LastSeen)).ToList();
    }

    private async Task<List<(string UserId, string UserName)>> MembersAsync(string roomId, string after, int count, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand("""
            SELECT m.user_id, u.user_name FROM members m JOIN users u ON u.user_id = m.user_id
            WHERE m.room_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = roomId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = after });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = count });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var members = new List<(string, string)>();
        while (await reader.ReadAsync(cancellationToken))
            members.Add((reader.GetString(0), reader.GetString(1)));
        return members;
    }
}
