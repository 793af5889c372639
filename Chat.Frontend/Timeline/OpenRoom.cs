using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Frontend.Members;
using Chat.Frontend.Rooms;
using Chat.Frontend.Shell;

namespace Chat.Frontend.Timeline;

/// <summary>How far the open room is.</summary>
public enum OpenStage
{
    Loading,
    Ready,
    /// <summary>Absent, or not for this user.</summary>
    Missing,
    /// <summary>It cannot be loaded now; it is tried again by itself.</summary>
    Unreachable,
}

/// <summary>Where the list stands when it is shown. The number is raised when it is to be taken up anew.</summary>
/// <param name="Version">Raised each time.</param>
/// <param name="Mode"><c>end</c>, <c>new</c> (the New line at a third of the height) or <c>at</c>.</param>
/// <param name="Seq">With <c>at</c>: the message that stood on top.</param>
/// <param name="Offset">With <c>at</c>: how far below the top it stood, in pixels.</param>
public sealed record OpenPosition(int Version, string Mode, long Seq = 0, int Offset = 0)
{
    public override string ToString() => $"{Version}|{Mode}|{Seq}|{Offset}";
}

/// <summary>
/// The room on the screen: loads its window of history around where the reader was, keeps it in step with live events, and says what
/// was read. Events that arrive while a page is loaded wait for it, so that none falls between page and stream.
/// </summary>
public sealed class OpenRoom(string roomId, Platform platform, RoomDirectory directory, Outbox outbox)
{
    private const int Page = 60;
    private const int BeforeNew = 25;
    // An anchor further back than this many pages is not searched for: the room opens at its end.
    private const int MaxAnchorPages = 5;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);
    private readonly List<ChatEvent> _whileLoading = [];
    private bool _loading;
    private bool _paging;
    private long _sentRead;

    public string RoomId { get; } = roomId;
    public RoomTimeline Timeline { get; } = new(roomId, platform.Reader, outbox);
    public MemberList Members { get; } = new(platform.User.UserId);
    public TypingLine Typing { get; } = new(platform.User.UserId);
    public OpenStage Stage { get; private set; } = OpenStage.Loading;
    public OpenPosition Position { get; private set; } = new(0, "end");
    public RoomEntry? Entry => directory.Rooms.Find(RoomId);

    /// <summary>How many are in the room; null while nobody has said.</summary>
    public int? MemberCount => Members is { Loaded: true, HasMore: false } ? Members.Count : Entry?.MemberCount;

    /// <summary>Loads the room; tries until it can or the room turns out to be missing.</summary>
    /// <param name="anchor">Where the reader left it, if the browser remembers.</param>
    /// <param name="cancellationToken">Another room is opened.</param>
    public async Task LoadAsync(OpenPosition? anchor, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                _loading = true;
                await directory.SubscribedAsync(RoomId).WaitAsync(cancellationToken);
                await LoadWindowAsync(anchor, cancellationToken);
                Stage = OpenStage.Ready;
                TakeWaiting();
                platform.Signal.Raise(Change.All);
                platform.Tasks.Run("Loading the members", _ => LoadMembersAsync(cancellationToken));
                return;
            }
            catch (ChatException refused) when (refused.Code is ErrorCodes.NotFound or ErrorCodes.Forbidden or ErrorCodes.BadRequest)
            {
                Stage = OpenStage.Missing;
                platform.Signal.Raise(Change.Timeline);
                return;
            }
            catch (ChatException)
            {
                // A connection that is away says so in the banner; what is on the screen stays.
                if (!Timeline.Loaded) Stage = OpenStage.Unreachable;
                platform.Signal.Raise(Change.Timeline);
            }
            finally
            {
                _loading = false;
            }
            await Task.Delay(RetryAfter * (1 + Random.Shared.NextDouble()), platform.Time, cancellationToken);
        }
    }

    /// <summary>The user is out of the room.</summary>
    public void Lose()
    {
        Stage = OpenStage.Missing;
        platform.Signal.Raise(Change.All);
    }

    public Change Receive(ChatEvent e)
    {
        var change = Change.None;
        if (Typing.Receive(e, platform.Now)) change |= Change.Typing;
        if (Members.Receive(e))
        {
            change |= Change.Members;
            // Who joins was online before: nothing will say so.
            if (e.EventType == EventTypes.UserJoin) directory.AskPresence(RoomId);
        }
        if (e.Seq is null) return change;
        if (_loading)
        {
            // More than a window of them cannot be shown anyway: the page that is on its way has them, or the next one has.
            if (_whileLoading.Count < RoomTimeline.Capacity) _whileLoading.Add(e);
            return change;
        }
        return Timeline.Receive(e) ? change | Change.Timeline : change;
    }

    public async Task LoadOlderAsync(CancellationToken cancellationToken)
    {
        if (_paging || !Timeline.HasOlder || Timeline.FirstSeq is not { } first) return;
        await PageAsync(async () => Timeline.Prepend(await HistoryAsync(before: first, after: null, Page, cancellationToken)));
    }

    public async Task LoadNewerAsync(CancellationToken cancellationToken)
    {
        if (_paging || Timeline.AtHead || Timeline.LastSeq is not { } last) return;
        await PageAsync(async () => Timeline.Append(await HistoryAsync(before: null, after: last, Page, cancellationToken)));
    }

    /// <summary>Goes to the newest message, wherever the window is.</summary>
    public async Task GoToEndAsync(CancellationToken cancellationToken)
    {
        if (!Timeline.AtHead)
        {
            await PageAsync(async () =>
            {
                var page = await HistoryAsync(null, null, Page, cancellationToken);
                Timeline.Load(page, page.HasMore, hasNewer: false, Timeline.NewAfter);
            });
        }
        Position = new OpenPosition(Position.Version + 1, "end");
        platform.Signal.Raise(Change.Timeline);
    }

    /// <summary>The reader has had this message in view for a second.</summary>
    public async Task SeenAsync(long seq, CancellationToken cancellationToken)
    {
        if (Entry is not { } room || seq <= room.ReadSeq || seq <= _sentRead) return;
        _sentRead = seq;
        try
        {
            if (directory.Rooms.MarkRead(await platform.Connection.MarkReadAsync(RoomId, seq, cancellationToken: cancellationToken)))
                platform.Signal.Raise(Change.Rooms);
        }
        catch (ChatException)
        {
            _sentRead = 0; // said again with the next message in view
            throw;
        }
    }

    private async Task LoadWindowAsync(OpenPosition? anchor, CancellationToken cancellationToken)
    {
        var room = Entry;
        // Loaded anew, a reader in the middle stays there: what is still in the list keeps its place by itself.
        var stays = Timeline.Loaded && !Timeline.EndInView;
        var version = Position.Version + (stays ? 0 : 1);
        long? newAfter = room is { Unread: > 0 } ? room.ReadSeq : null;

        if (anchor is not null && await FindAnchorAsync(anchor.Seq, cancellationToken) is { } found)
        {
            Timeline.Load(found, found.HasMore, hasNewer: false, newAfter);
            Position = anchor with { Version = version };
        }
        else if (newAfter is { } read)
        {
            var older = read == 0 ? null : await HistoryAsync(read + 1, null, BeforeNew, cancellationToken);
            var newer = await HistoryAsync(null, read, Page, cancellationToken);
            Timeline.Load(newer with { Events = [.. older?.Events ?? [], .. newer.Events] }, older?.HasMore ?? false, newer.HasMore, newAfter);
            if (!stays) Position = new OpenPosition(version, "new");
        }
        else
        {
            var newest = await HistoryAsync(null, null, Page, cancellationToken);
            Timeline.Load(newest, newest.HasMore, hasNewer: false, null);
            if (!stays) Position = new OpenPosition(version, "end");
        }
    }

    // The newest pages back to the message that stood on top, as one page; null when it is too far back.
    private async Task<HistoryPage?> FindAnchorAsync(long seq, CancellationToken cancellationToken)
    {
        var page = await HistoryAsync(null, null, Page, cancellationToken);
        for (var pages = 1; page.HasMore && page.Events.Count > 0 && page.Events[0].Seq > seq; pages++)
        {
            if (pages == MaxAnchorPages) return null;
            var older = await HistoryAsync(page.Events[0].Seq, null, 2 * Page, cancellationToken);
            page = page with { Events = [.. older.Events, .. page.Events], HasMore = older.HasMore };
        }
        return page;
    }

    private async Task PageAsync(Func<Task> load)
    {
        _paging = _loading = true;
        try
        {
            await load();
        }
        finally
        {
            _paging = _loading = false;
            TakeWaiting();
            platform.Signal.Raise(Change.Timeline);
        }
    }

    private void TakeWaiting()
    {
        _loading = false;
        foreach (var e in _whileLoading) Timeline.Receive(e);
        _whileLoading.Clear();
    }

    private async Task LoadMembersAsync(CancellationToken cancellationToken)
    {
        var members = new List<Member>();
        string? next = null;
        do
        {
            var page = await platform.Api.GetMembersAsync(RoomId, next, cancellationToken);
            members.AddRange(page.Items);
            next = page.Next;
        }
        while (next is not null && members.Count < MemberList.Capacity);
        Members.Load(members, next is not null);
        directory.AskPresence(RoomId);
    }

    private Task<HistoryPage> HistoryAsync(long? before, long? after, int limit, CancellationToken cancellationToken) =>
        platform.Connection.GetHistoryAsync(RoomId, before, after, limit, cancellationToken: cancellationToken);
}
