using Chat.Realtime.Nodes;
using Npgsql;

namespace Chat.Realtime.Presence;

/// <summary>
/// How many members of a large room are online: the members among all users who are online anywhere. Asking for each member's state would
/// cost O(members); this costs O(users online), and that once in <see cref="Fresh"/> for all rooms of a node. Exact while at most
/// <see cref="MaxUsers"/> users are online on a process; beyond that, it is estimated from that many of them.
/// </summary>
internal sealed class OnlineMembers(PresenceStore store, LiveNodes nodes, NpgsqlDataSource database, TimeProvider time) : IDisposable
{
    public const int MaxUsers = 20_000;
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _oneAtATime = new(1);
    private Online? _online;

    public async Task<int> CountAsync(string roomId, CancellationToken cancellationToken)
    {
        var online = await GetOnlineAsync(cancellationToken);
        if (online.Users.Length == 0) return 0;
        await using var command = database.CreateCommand("SELECT count(*) FROM members WHERE room_id = $1 AND user_id = ANY ($2)");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = roomId });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = online.Users });
        var matches = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        return (int)(matches * online.Scale);
    }

    public void Dispose() => _oneAtATime.Dispose();

    private async Task<Online> GetOnlineAsync(CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            if (_online is not { } online || time.GetElapsedTime(online.ReadAt) > Fresh)
                _online = online = await ReadAsync().WaitAsync(cancellationToken);
            return online;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    private async Task<Online> ReadAsync()
    {
        var users = new HashSet<string>();
        var total = 0L;
        var read = 0L;
        foreach (var process in nodes.Ids ?? new HashSet<string>())
        {
            var some = await store.SomeUsersAsync(process, MaxUsers);
            users.UnionWith(some);
            read += some.Count;
            total += some.Count < MaxUsers ? some.Count : await store.CountUsersAsync(process);
        }
        return new Online([.. users], read == 0 ? 1 : (double)total / read, time.GetTimestamp());
    }

    /// <param name="Scale">Users online for each one in <paramref name="Users"/>; 1 when all are there.</param>
    private sealed record Online(string[] Users, double Scale, long ReadAt);
}
