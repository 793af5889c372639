using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Data.Numbering;

/// <summary>
/// Tells both users of a direct room about numbered events: the head of the room in each user's hash, and the events on each user's channel.
/// Repeating it is harmless: a head only rises, and receivers drop what they have.
/// </summary>
public sealed class DirectFanout(IConnectionMultiplexer redis)
{
    // The head stands before the message is out: whoever compares heads after a lost message finds it.
    private const string Script = """
        local head = tonumber(redis.call('HGET', KEYS[1], ARGV[1])) or 0
        if tonumber(ARGV[2]) > head then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
        if ARGV[3] ~= '' then redis.call('SPUBLISH', KEYS[2], ARGV[3]) end
        return 1
        """;

    /// <summary>
    /// <paramref name="frames"/> ascend. With <paramref name="publish"/> false only the heads are brought up to date (events too old to be news).
    /// Throws <see cref="RedisException"/> or <see cref="TimeoutException"/>.
    /// </summary>
    public async Task TellAsync(string roomId, IReadOnlyList<string> participants, IReadOnlyList<RoomFrame> frames, bool publish = true)
    {
        RedisValue message = publish ? RoomFrames.ToDirect(roomId, frames) : RedisValue.EmptyString;
        var head = frames[^1].Event.Seq;
        var database = redis.GetDatabase();
        await Task.WhenAll(participants.Distinct().Select(user =>
            database.ScriptEvaluateAsync(Script, [RedisKeys.DirectHeads(user), RedisKeys.UserChannel(user)], [roomId, head, message])));
    }
}
