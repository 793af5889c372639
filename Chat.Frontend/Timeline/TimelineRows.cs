using Chat.Contracts;

namespace Chat.Frontend.Timeline;

/// <summary>
/// Turns events into rows. A message joins the group above if it has the same sender, the same day, is at most five minutes after
/// the group's first message, and nothing stands between.
/// </summary>
public static class TimelineRows
{
    public static readonly TimeSpan GroupFor = TimeSpan.FromMinutes(5);

    public static IReadOnlyList<TimelineRow> Build(
        IReadOnlyList<TimelineItem> items, Outbox outbox, long? newAfter, bool atHead, TimelineReader reader)
    {
        var rows = new List<TimelineRow>(items.Count + 8);
        var group = new Group();
        DateOnly? day = null;
        var newShown = newAfter is null;

        foreach (var item in items)
        {
            if (!HasRow(item.Event)) continue;
            StartDay(rows, item.At, ref day, ref group, reader.Clock);
            if (!newShown && item.Seq > newAfter && item.Event.EventType == EventTypes.ChatMessage && !reader.IsMine(item.Event))
            {
                rows.Add(new NewRow());
                newShown = true;
                group = new Group();
            }
            if (item.Event.EventType == EventTypes.ChatMessage)
            {
                var own = reader.IsMine(item.Event) && item.Event.ClientId is { } id ? outbox.Find(id) : null;
                rows.Add(Message(item, own, outbox, group.Begins(item.Event.SenderId, item.At), reader));
            }
            else
            {
                AddSystem(rows, item, reader.Clock);
                group = new Group();
            }
        }

        if (!atHead) return rows;
        foreach (var own in outbox.Messages.Where(m => !m.Echoed))
        {
            StartDay(rows, own.WrittenAt, ref day, ref group, reader.Clock);
            rows.Add(Message(own, outbox, group.Begins(reader.UserId, own.WrittenAt), reader));
        }
        return rows;
    }

    private static bool HasRow(ChatEvent e) =>
        e.EventType is EventTypes.ChatMessage or EventTypes.UserJoin or EventTypes.UserLeave;

    private static void StartDay(List<TimelineRow> rows, DateTimeOffset at, ref DateOnly? day, ref Group group, LocalClock clock)
    {
        var of = clock.Day(at);
        if (day == of) return;
        day = of;
        group = new Group();
        rows.Add(new DayRow($"day-{of:yyyy-MM-dd}-{rows.Count(r => r is DayRow d && d.Day == of)}", of, clock.DayName(of)));
    }

    private static MessageRow Message(TimelineItem item, OutgoingMessage? own, Outbox outbox, bool first, TimelineReader reader) =>
        new(reader.IsMine(item.Event) && item.Event.ClientId is { } id ? "own-" + id : item.Event.EventId ?? $"seq-{item.Seq}")
        {
            Seq = item.Seq,
            SenderId = item.Event.SenderId ?? "",
            SenderName = item.Event.SenderName ?? "",
            At = item.At,
            Time = reader.Clock.Time(item.At),
            FullTime = reader.Clock.Full(item.At),
            Html = item.Html,
            First = first,
            Mine = reader.IsMine(item.Event),
            Ping = item.Ping,
            Big = item.Big,
            Deleted = item.Event.DeletedAt is not null,
            Edited = item.Event.EditedAt is { } edited && item.Event.DeletedAt is null ? reader.Clock.Time(edited) : null,
            Note = Note(own, outbox, reader),
        };

    private static MessageRow Message(OutgoingMessage own, Outbox outbox, bool first, TimelineReader reader) =>
        new("own-" + own.ClientId)
        {
            SenderId = reader.UserId,
            SenderName = reader.Name,
            At = own.WrittenAt,
            Time = reader.Clock.Time(own.WrittenAt),
            FullTime = reader.Clock.Full(own.WrittenAt),
            Html = own.Html ??= reader.Render(own.Content),
            First = first,
            Mine = true,
            Big = MessageMarkup.IsFewEmoji(own.Content),
            Note = Note(own, outbox, reader),
            Source = own.Content,
        };

    // That it was sent is said of the newest alone: of those above it goes without saying.
    private static SendNote? Note(OutgoingMessage? own, Outbox outbox, TimelineReader reader) =>
        own is null || (own.State == SendState.Sent && own != outbox.Messages[^1]) ? null : own.Note(reader.Clock.Now);

    // People who join or leave one after the other share a line: "Lena Vogt and 2 others joined".
    private static void AddSystem(List<TimelineRow> rows, TimelineItem item, LocalClock clock)
    {
        var what = item.Event.EventType == EventTypes.UserJoin ? "joined" : "left";
        var name = item.Event.SenderName ?? "Somebody";
        if (rows.Count > 0 && rows[^1] is SystemRow last && last.What == what && last.Who != name)
            rows[^1] = last with { Others = last.Others + 1 };
        else
            rows.Add(new SystemRow($"sys-{item.Seq}", name, 0, what, clock.Full(item.At)));
    }

    private struct Group
    {
        private string? _sender;
        private DateTimeOffset _start;

        /// <summary>True when a message of this sender starts a new group here.</summary>
        public bool Begins(string? sender, DateTimeOffset at)
        {
            if (sender == _sender && at - _start <= GroupFor && at >= _start) return false;
            _sender = sender ?? "";
            _start = at;
            return true;
        }
    }
}
