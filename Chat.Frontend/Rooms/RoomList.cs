using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Frontend.Rooms;

/// <summary>
/// The rooms of one person, with what is unread in them. Live events count only beyond the head that the list was read with,
/// so that an event is never counted twice, whichever of list and event comes first.
/// </summary>
public sealed class RoomList(string userId)
{
    private readonly Dictionary<string, RoomEntry> _rooms = new(StringComparer.Ordinal);
    private readonly List<string> _directOrder = [];

    public bool Loaded { get; private set; }

    /// <summary>Rooms by name: their places do not change under the pointer.</summary>
    public IReadOnlyList<RoomEntry> Rooms { get; private set; } = [];

    /// <summary>Direct rooms, the latest first as of the first reading; new ones come on top.</summary>
    public IReadOnlyList<RoomEntry> Directs { get; private set; } = [];

    public IEnumerable<RoomEntry> All => Rooms.Concat(Directs);
    public int TotalUnread => _rooms.Values.Sum(r => r.Unread);

    public RoomEntry? Find(string? roomId) => roomId is null ? null : _rooms.GetValueOrDefault(roomId);

    /// <summary>Takes in what the platform says. Where live events are ahead of it, they stay counted.</summary>
    public void Load(IReadOnlyList<RoomSummary> summaries)
    {
        var fresh = new Dictionary<string, RoomEntry>(StringComparer.Ordinal);
        foreach (var summary in summaries)
        {
            var entry = RoomEntry.From(summary);
            if (_rooms.TryGetValue(entry.RoomId, out var known) && known.HeadSeq > entry.HeadSeq)
                entry = entry with { HeadSeq = known.HeadSeq, Unread = known.Unread, Mentions = known.Mentions, ReadSeq = Math.Max(known.ReadSeq, entry.ReadSeq) };
            fresh[entry.RoomId] = entry;
            if (entry.IsDirect && !_directOrder.Contains(entry.RoomId))
            {
                if (Loaded) _directOrder.Insert(0, entry.RoomId);
                else _directOrder.Add(entry.RoomId);
            }
        }
        _rooms.Clear();
        foreach (var (id, entry) in fresh) _rooms[id] = entry;
        _directOrder.RemoveAll(id => !_rooms.ContainsKey(id));
        Loaded = true;
        Order();
    }

    public void Add(RoomSummary summary)
    {
        var entry = RoomEntry.From(summary);
        if (entry.IsDirect && !_directOrder.Contains(entry.RoomId)) _directOrder.Insert(0, entry.RoomId);
        _rooms[entry.RoomId] = entry;
        Order();
    }

    public bool Remove(string roomId)
    {
        if (!_rooms.Remove(roomId)) return false;
        _directOrder.Remove(roomId);
        Order();
        return true;
    }

    /// <summary>Takes in a live event; says what became of it.</summary>
    public RoomListChange Receive(ChatEvent e, bool mentionsMe)
    {
        if (e.RoomId is not { } roomId) return RoomListChange.None;
        if (!_rooms.TryGetValue(roomId, out var room)) return RoomListChange.UnknownRoom;
        switch (e.EventType)
        {
            case EventTypes.Read when e.SenderId == userId && e.ReadSeq is { } read:
                if (read >= room.HeadSeq) return Set(room with { ReadSeq = read, Unread = 0, Mentions = 0 });
                // Part of it was read elsewhere: only the platform knows how much is left.
                Set(room with { ReadSeq = read });
                return RoomListChange.CountUnknown;
            case EventTypes.RoomUpdated:
                return Update(room, e.Content);
            default:
                if (e.Seq is not { } seq || seq <= room.HeadSeq) return RoomListChange.None;
                room = room with { HeadSeq = seq };
                if (e.EventType != EventTypes.ChatMessage) return Keep(room);
                return Set(e.SenderId == userId
                    ? room with { ReadSeq = seq, Unread = 0, Mentions = 0 }
                    : room with { Unread = Math.Min(room.Unread + 1, ProtocolLimits.MaxUnread), Mentions = room.Mentions + (mentionsMe ? 1 : 0) });
        }
    }

    /// <summary>The platform's answer to a moved read marker.</summary>
    public bool MarkRead(ReadReceipt receipt)
    {
        if (!_rooms.TryGetValue(receipt.RoomId, out var room)) return false;
        // An event that came while the answer was on its way is counted already.
        var unread = receipt.Seq >= room.HeadSeq ? 0 : receipt.Unread;
        Set(room with { ReadSeq = receipt.Seq, Unread = unread, Mentions = unread == 0 ? 0 : room.Mentions });
        return true;
    }

    private RoomListChange Update(RoomEntry room, string? content)
    {
        try
        {
            using var change = JsonDocument.Parse(content ?? "{}");
            if (change.RootElement.ValueKind != JsonValueKind.Object) return RoomListChange.None;
            return Set(room with
            {
                Name = Text(change.RootElement, "name") ?? room.Name,
                Topic = Text(change.RootElement, "topic") ?? room.Topic,
                Kind = Text(change.RootElement, "kind") ?? room.Kind,
            });
        }
        catch (JsonException)
        {
            return RoomListChange.None; // a later version may say it otherwise; the next reading of the list brings it
        }
    }

    private static string? Text(JsonElement from, string name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private RoomListChange Keep(RoomEntry room)
    {
        _rooms[room.RoomId] = room;
        return RoomListChange.None;
    }

    private RoomListChange Set(RoomEntry room)
    {
        _rooms[room.RoomId] = room;
        Order();
        return RoomListChange.Changed;
    }

    private void Order()
    {
        Rooms = [.. _rooms.Values.Where(r => !r.IsDirect).OrderBy(r => r.Name, StringComparer.OrdinalIgnoreCase).ThenBy(r => r.RoomId, StringComparer.Ordinal)];
        Directs = [.. _directOrder.Select(id => _rooms[id])];
    }
}

/// <summary>What a live event meant for the list.</summary>
public enum RoomListChange
{
    None,
    Changed,
    /// <summary>A room that the list does not have: read the list again.</summary>
    UnknownRoom,
    /// <summary>The unread number cannot be worked out from the event: read the list again.</summary>
    CountUnknown,
}
