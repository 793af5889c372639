namespace Chat.Contracts;

/// <summary>
/// All Redis key and channel names. What belongs to a room or a user shares its hash tag, so that a Redis Cluster keeps it on one shard.
/// </summary>
public static class RedisKeys
{
    /// <summary>Guard of the numbering: the current epoch in decimal. The numbering script refuses when it differs from its own.</summary>
    public const string EpochGuard = "chat:epoch";
    /// <summary>The guard of one slot of a Redis Cluster, where each slot has its own: on the same shard as the slot's rooms, wherever they move.</summary>
    /// <param name="tag">A number whose hash lies in the slot.</param>
    public static string SlotGuard(int tag) => $"{EpochGuard}:{{{tag}}}";

    /// <summary>Hot stream of a room: entry id <c>seq-0</c>, fields <c>i</c> (event id), <c>t</c> (timestamp, Unix ms), <c>e</c> (epoch), <c>b</c> (envelope without seq and epoch).</summary>
    public static string Stream(string roomId) => $"r:{{{roomId}}}:s";
    /// <summary>Hash of a room: <c>head</c>, <c>epoch</c>, <c>access</c>, <c>persisted</c> (Postgres has everything up to it), <c>first</c> (oldest event of the history, when it is known here).</summary>
    public static string Head(string roomId) => $"r:{{{roomId}}}:h";
    /// <summary>Prefix of the keys of known event ids; the id follows as 32 hex digits. Value: <c>seq epoch timestamp</c>.</summary>
    public static string IdPrefix(string roomId) => $"r:{{{roomId}}}:i:";
    /// <summary>Copy of who may do what in a room: <c>v</c> = access version, <c>k</c> = room kind, <c>u:&lt;user_id&gt;</c> = role.</summary>
    public static string Access(string roomId) => $"r:{{{roomId}}}:a";
    /// <summary>Channel of a room's durable events (sharded).</summary>
    public static string RoomChannel(string roomId) => $"r:{{{roomId}}}";
    /// <summary>Channel of a room's ephemeral events (sharded), apart so that a flood of them cannot disconnect the durable one.</summary>
    public static string EphemeralChannel(string roomId) => $"e:{{{roomId}}}";

    /// <summary>Channel of a user's own connections (sharded): direct messages, read markers, notifications.</summary>
    public static string UserChannel(string userId) => $"u:{{{userId}}}";
    /// <summary>Hash of a user: direct room → head.</summary>
    public static string DirectHeads(string userId) => $"u:{{{userId}}}:dm";
    /// <summary>Hash of a user: room → read marker.</summary>
    public static string ReadMarkers(string userId) => $"u:{{{userId}}}:read";
    /// <summary>Set of <c>user_id\nroom_id</c> whose markers are newer than Postgres'.</summary>
    public const string ReadMarkersDirty = "read:dirty";
    /// <summary>The part of <see cref="ReadMarkersDirty"/> that is being written to Postgres, on the same shard.</summary>
    public const string ReadMarkersFlushing = "{read:dirty}:flushing";
    /// <summary>Who writes the read markers to Postgres now; expires by itself.</summary>
    public const string ReadMarkersFlusher = "{read:dirty}:flusher";
    /// <summary>Hash of a user: process id → status of its connections there.</summary>
    public static string Presence(string userId) => $"u:{{{userId}}}:p";
    /// <summary>When a user was last seen, Unix milliseconds.</summary>
    public static string LastSeen(string userId) => $"u:{{{userId}}}:seen";
    /// <summary>Token bucket of a user for one kind of limit.</summary>
    public static string Bucket(string kind, string subject) => $"lim:{kind}:{{{subject}}}";
    /// <summary>One-time ticket → what it stands for; 30 s.</summary>
    public static string Ticket(string ticket) => $"ticket:{ticket}";

    /// <summary>Stream of sessions that were ended: fields <c>s</c> (session id), <c>u</c> (user id).</summary>
    public const string EndedSessions = "sessions:ended";

    /// <summary>Hash of live processes: process id → <see cref="NodeLease"/> as JSON. A lease counts while its <c>renewed_at</c> is young.</summary>
    public const string Nodes = "nodes";
    /// <summary>Hash of dead processes that are being reaped: process id → end of the claim and time of death. On the same shard as <see cref="Nodes"/>.</summary>
    public const string NodesDying = "{nodes}:dying";
    /// <summary>As <see cref="Nodes"/>, of the interface's processes.</summary>
    public const string Frontends = "frontends";
    /// <summary>Set of the users that a process has connections of.</summary>
    public static string NodeUsers(string processId) => $"node:{{{processId}}}:users";

    /// <summary>Sealed tokens of one signed-in browser; the key is a hash of its session id, so that Redis does not hold the id itself.</summary>
    public static string BrowserSession(string hash) => $"ui:session:{{{hash}}}";
    /// <summary>Held while the tokens of a signed-in browser are refreshed.</summary>
    public static string BrowserSessionLock(string hash) => $"ui:session:{{{hash}}}:lock";
    /// <summary>List of the keys with which every frontend reads every frontend's cookies.</summary>
    public const string BrowserKeys = "ui:keys";
}
