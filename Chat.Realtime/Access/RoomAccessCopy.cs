using System.Globalization;
using Chat.Contracts;
using Chat.Data;
using Chat.Realtime.Redis;
using StackExchange.Redis;

namespace Chat.Realtime.Access;

/// <summary>A standing out of the copy, and when Postgres last confirmed its version.</summary>
public readonly record struct CopiedStanding(RoomStanding Standing, DateTimeOffset ConfirmedAt);

/// <summary>
/// The copy in Redis of a room's members that were asked for. The higher version wins: a write of an older state than the copy has, or than an
/// event of the room has brought, changes nothing, however late it comes. Within one version nobody loses anything, so what was copied stays true.
/// </summary>
public sealed partial class RoomAccessCopy(IRedisCommands commands, AwayCommands away, TimeProvider time, ILogger<RoomAccessCopy> logger)
{
    // Longer than an outage of Postgres should last: while it is away, this is what live chat runs on.
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private const string Version = "v";
    private const string Kind = "k";
    private const string CreatedEpoch = "e";
    private const string Participants = "p";
    private const string ConfirmedAt = "t";

    // KEYS: copy, head. ARGV: version, life in ms, then fields and values. The head hash has the version of the newest event of the room.
    private static readonly RedisScript WriteIfNotOlder = new("""
        local known = tonumber(redis.call('HGET', KEYS[1], 'v') or '-1')
        local announced = tonumber(redis.call('HGET', KEYS[2], 'access') or '-1')
        local given = tonumber(ARGV[1])
        if given < known or given < announced then return 0 end
        if given > known then redis.call('DEL', KEYS[1]) end
        redis.call('HSET', KEYS[1], 'v', ARGV[1], unpack(ARGV, 3))
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        return 1
        """);

    /// <summary>One HMGET. Null when the user is not in the copy, or Redis cannot be asked.</summary>
    public async ValueTask<CopiedStanding?> ReadAsync(string roomId, string userId)
    {
        RedisValue[] values;
        try
        {
            values = (RedisValue[])(await commands.RunAsync(
                new RedisCommand("HMGET", [], [RedisKeys.Access(roomId)], [Version, Kind, CreatedEpoch, Participants, ConfirmedAt, Member(userId)])))!;
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Log.NotRead(logger, roomId, e.Message);
            return null;
        }
        if (values is not [{ IsNull: false } version, { IsNull: false } kind, { IsNull: false } epoch, var participants, { IsNull: false } confirmed, { IsNull: false } role])
            return null;
        var standing = new RoomStanding(
            roomId, kind.ToString(), role.ToString(), (long)version, (int)epoch, participants.IsNullOrEmpty ? null : participants.ToString().Split('\n'));
        return new CopiedStanding(standing, DateTimeOffset.FromUnixTimeMilliseconds((long)confirmed));
    }

    /// <summary>Keeps the standing of a member; false when the copy has, or the room's events have brought, a newer version.</summary>
    public Task<bool> WriteAsync(RoomStanding standing, string userId) => RunAsync(standing.RoomId, standing.AccessVersion,
    [
        Kind, standing.Kind,
        CreatedEpoch, standing.CreatedEpoch,
        Participants, standing.Participants is { } two ? string.Join('\n', two) : "",
        ConfirmedAt, time.GetUtcNow().ToUnixTimeMilliseconds(),
        Member(userId), standing.Role!,
    ]);

    /// <summary>Empties the copy for a version in which somebody lost something; until it is read anew nobody is in it.</summary>
    public Task<bool> DropAsync(string roomId, long version) => RunAsync(roomId, version, [Participants, ""]);

    private async Task<bool> RunAsync(string roomId, long version, RedisValue[] fields)
    {
        try
        {
            return (bool)await WriteIfNotOlder.RunAsync(
                away, [RedisKeys.Access(roomId), RedisKeys.Head(roomId)], [version.ToString(CultureInfo.InvariantCulture), (long)Lifetime.TotalMilliseconds, .. fields]);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Log.NotWritten(logger, roomId, e.Message);
            return false;
        }
    }

    private static string Member(string userId) => "u:" + userId;

    private static partial class Log
    {
        [LoggerMessage(3201, LogLevel.Debug, "The access copy of {RoomId} cannot be read: {Reason}")]
        public static partial void NotRead(ILogger logger, string roomId, string reason);

        [LoggerMessage(3202, LogLevel.Debug, "The access copy of {RoomId} cannot be written: {Reason}")]
        public static partial void NotWritten(ILogger logger, string roomId, string reason);
    }
}
