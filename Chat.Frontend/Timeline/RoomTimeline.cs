using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Frontend.Timeline;

/// <summary>
/// The loaded part of a room: a window of its durable events without a hole, and the own messages that have no place yet.
/// The window never holds more than <see cref="Capacity"/> events: what is loaded at one end drops out at the other, and while
/// the newest are not in it, live events are only counted.
/// </summary>
public sealed class RoomTimeline(string roomId, TimelineReader reader, Outbox outbox)
{
    public const int Capacity = 600;
    private readonly List<TimelineItem> _items = [];
    private IReadOnlyList<TimelineRow>? _rows;
    private int _rowsOutbox;

    public string RoomId { get; } = roomId;
    public Outbox Outbox { get; } = outbox;
    /// <summary>Newest number known in the room.</summary>
    public long HeadSeq { get; private set; }
    public bool Loaded { get; private set; }
    public bool HasOlder { get; private set; }
    /// <summary>True while the newest event is in the window.</summary>
    public bool AtHead { get; private set; } = true;
    /// <summary>Messages of others that came after this number are new; fixed when the room is opened, null for none.</summary>
    public long? NewAfter { get; private set; }
    /// <summary>Messages that arrived below what is in view.</summary>
    public int Unseen { get; private set; }
    /// <summary>True while the end of the list is in view.</summary>
    public bool EndInView { get; private set; } = true;

    public long? FirstSeq => _items.Count == 0 ? null : _items[0].Seq;
    public long? LastSeq => _items.Count == 0 ? null : _items[^1].Seq;
    public bool IsEmpty => Loaded && !HasOlder && AtHead && Rows.Count == 0;

    /// <summary>What is on the screen, from old to new.</summary>
    public IReadOnlyList<TimelineRow> Rows
    {
        get
        {
            if (_rows is not null && _rowsOutbox == Outbox.Version) return _rows;
            _rowsOutbox = Outbox.Version;
            return _rows = TimelineRows.Build(_items, Outbox, NewAfter, AtHead, reader);
        }
    }

    /// <summary>Starts anew with one page.</summary>
    public void Load(HistoryPage page, bool hasOlder, bool hasNewer, long? newAfter)
    {
        _items.Clear();
        HeadSeq = Math.Max(page.HeadSeq, page.Events.Count == 0 ? 0 : page.Events[^1].Seq ?? 0);
        HasOlder = hasOlder;
        AtHead = !hasNewer;
        NewAfter = newAfter;
        Unseen = 0;
        Loaded = true;
        foreach (var e in page.Events) Place(e);
        Changed();
    }

    /// <summary>Takes in the page before the window.</summary>
    public void Prepend(HistoryPage page)
    {
        var first = FirstSeq ?? long.MaxValue;
        var older = page.Events.Where(e => e.Seq < first).Select(reader.Read).ToList();
        _items.InsertRange(0, older);
        HasOlder = page.HasMore;
        if (_items.Count > Capacity)
        {
            _items.RemoveRange(Capacity, _items.Count - Capacity);
            AtHead = false;
        }
        Changed();
    }

    /// <summary>Takes in the page after the window.</summary>
    public void Append(HistoryPage page)
    {
        HeadSeq = Math.Max(HeadSeq, page.HeadSeq);
        foreach (var e in page.Events) Place(e);
        AtHead = !page.HasMore && (LastSeq ?? 0) >= HeadSeq;
        TrimTop();
        Changed();
    }

    /// <summary>Takes in a live event of the room; false when nothing on the screen changes.</summary>
    public bool Receive(ChatEvent e)
    {
        if (e.Seq is not { } seq || !Loaded || seq <= HeadSeq) return false;
        HeadSeq = seq;
        var shows = e.EventType == EventTypes.ChatMessage;
        if (shows && !reader.IsMine(e) && !EndInView) Unseen++;
        if (!AtHead) return shows;
        Place(e);
        if (EndInView) TrimTop();
        Changed();
        return true;
    }

    /// <summary>The browser says whether the end of the list is in view.</summary>
    public bool SetEndInView(bool inView)
    {
        EndInView = inView;
        var seen = inView && AtHead && Unseen > 0;
        if (seen) Unseen = 0;
        return seen;
    }

    /// <summary>Rows are worked out anew: the window or the day has changed.</summary>
    public void Changed() => _rows = null;

    private void Place(ChatEvent e)
    {
        if (e.Seq is not { } seq || seq <= (LastSeq ?? 0)) return;
        switch (e.EventType)
        {
            // An edit or a deletion changes the message that stands above; it keeps its own number but has no row.
            case EventTypes.MessageEdited or EventTypes.MessageDeleted when e.TargetId is { } target:
                var at = _items.FindLastIndex(i => i.Event.EventId == target);
                if (at >= 0 && MayChange(_items[at].Event, e)) _items[at] = reader.Read(Apply(_items[at].Event, e));
                break;
        }
        _items.Add(reader.Read(e));
        if (reader.IsMine(e) && e.ClientId is { } clientId) Outbox.Find(clientId)?.Echo(reader.Clock.Now);
    }

    // A deletion is final: no later edit brings the text back.
    private static bool MayChange(ChatEvent message, ChatEvent change) =>
        message.DeletedAt is null || change.EventType == EventTypes.MessageDeleted;

    private static ChatEvent Apply(ChatEvent message, ChatEvent change) => change.EventType == EventTypes.MessageDeleted
        ? message with { Content = null, Attachments = null, DeletedAt = change.Timestamp }
        : message with { Content = change.Content, EditedAt = change.Timestamp };

    private void TrimTop()
    {
        if (_items.Count <= Capacity) return;
        _items.RemoveRange(0, _items.Count - Capacity);
        HasOlder = true;
    }
}
