using System.Globalization;
using System.Text;
using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Data.Numbering;

/// <summary>
/// The numbering script of one epoch. It is called by its hash and nothing else: whoever sent its text along would load it into a server
/// that has lost data, and that server would give numbers out again. Only a takeover loads it.
/// </summary>
internal sealed class NumberingScript
{
    // A producer may send the same event again for a day; a week leaves room for a persister that is behind, which shortens it afterwards.
    private const int IdSeconds = 7 * 24 * 3600;
    private const int FieldsPerEvent = 5;
    private static readonly string Template = ReadTemplate();

    public NumberingScript(int epoch)
    {
        Epoch = epoch;
        Text = Template.Replace("@EPOCH@", epoch.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        Hash = RedisScript.HashOf(Text);
    }

    public int Epoch { get; }

    public string Text { get; }

    public string Hash { get; }

    /// <summary>Whether the server of this guard would number in the epoch; numbers nothing.</summary>
    public async Task<bool> IsInForceAsync(IDatabase redis, RedisKey guard)
    {
        try
        {
            await redis.ExecuteAsync("EVALSHA", Hash, 1, guard);
            return true;
        }
        catch (RedisServerException failure) when (IsRefusal(failure, out _))
        {
            return false;
        }
    }

    /// <summary>Calls the script; what Redis refuses comes as <see cref="RedisServerException"/>.</summary>
    public async Task<IReadOnlyList<EventNumber>> CallAsync(IRedisCommands redis, RedisKey guard, string roomId, int createdEpoch, IReadOnlyList<PendingEvent> events)
    {
        string[] keys =
        [
            guard!, RedisKeys.Stream(roomId), RedisKeys.Head(roomId), RedisKeys.IdPrefix(roomId), RedisKeys.Access(roomId), RedisKeys.RoomChannel(roomId),
        ];
        var arguments = new List<RedisValue>(2 + events.Count * FieldsPerEvent) { createdEpoch, IdSeconds };
        foreach (var pending in events)
        {
            arguments.Add(pending.EventId.ToString("N"));
            arguments.Add(string.Join(',', pending.OtherIds.Select(id => id.ToString("N"))));
            arguments.Add(pending.AccessVersion);
            arguments.Add(pending.TimestampMs);
            arguments.Add(pending.Body);
        }
        var reply = await redis.RunAsync(new RedisCommand("EVALSHA", [Hash, keys.Length], keys, arguments));
        return Parse(reply, events.Count);
    }

    /// <summary>True when the server does not number in the epoch of the script any more; with the epoch that it named, or -1.</summary>
    public static bool IsRefusal(RedisServerException failure, out int seen)
    {
        seen = -1;
        if (failure.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
            return true;
        if (!failure.Message.StartsWith("WRONGEPOCH ", StringComparison.Ordinal))
            return false;
        var words = failure.Message.Split(' ', 3);
        return int.TryParse(words[1], out seen);
    }

    private EventNumber[] Parse(RedisResult reply, int count)
    {
        if (reply.Length != count * FieldsPerEvent)
            throw new FormatException($"The numbering script of epoch {Epoch} answered {reply.Length} fields for {count} events.");
        var numbers = new EventNumber[count];
        for (var i = 0; i < count; i++)
        {
            var at = i * FieldsPerEvent;
            numbers[i] = new EventNumber(
                Guid.ParseExact((string)reply[at + 4]!, "N"), (long)reply[at], (int)reply[at + 1], (long)reply[at + 2], (int)reply[at + 3] == 1);
        }
        return numbers;
    }

    private static string ReadTemplate()
    {
        using var stream = typeof(NumberingScript).Assembly.GetManifestResourceStream("Chat.Data.Numbering.number.lua")
            ?? throw new InvalidOperationException("number.lua is not embedded in Chat.Data.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
