using System.Globalization;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Reading;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>Rooms as their callers see them: Postgres says which, Redis and history what is new in them.</summary>
public sealed class RoomList(UnitOfWork work, NewestEvents newest, ReadMarkers markers)
{
    /// <summary>
    /// A page of the user's rooms, from the one joined last to the one joined first, since that order does not change while somebody turns the pages. Within the
    /// page the one with the newest event comes first. With it the place at which the next page begins; null after the last one.
    /// </summary>
    public async Task<(IReadOnlyList<RoomSummary> Rooms, string? Next)> MineAsync(string userId, string? after, int limit, CancellationToken cancellationToken)
    {
        var (afterTime, afterId) = ReadPlace(after);
        var rows = await work.RunAsync((db, token) => RowsOf(db, userId)
            .Where(r => r.JoinedAt < afterTime || (r.JoinedAt == afterTime && r.RoomId.CompareTo(afterId) > 0))
            .OrderByDescending(r => r.JoinedAt).ThenBy(r => r.RoomId).Take(limit + 1).ToListAsync(token), cancellationToken);
        var page = rows.Count > limit ? rows.GetRange(0, limit) : rows;
        var summaries = await FillAsync(userId, page, cancellationToken);
        var sorted = page.Zip(summaries).OrderByDescending(room => room.Second.LastEvent?.Timestamp ?? room.First.JoinedAt).Select(room => room.Second).ToList();
        return (sorted, rows.Count > limit ? PlaceOf(page[^1]) : null);
    }

    /// <summary>One room; null when it is absent or invisible to the user. Outsiders of a public room see it without what belongs to membership.</summary>
    public async Task<RoomSummary?> GetAsync(string roomId, string userId, CancellationToken cancellationToken)
    {
        var mine = await work.RunAsync((db, token) => RowsOf(db, userId).Where(r => r.RoomId == roomId).ToListAsync(token), cancellationToken);
        if (mine.Count > 0) return (await FillAsync(userId, mine, cancellationToken))[0];
        return await work.RunAsync((db, token) => db.Rooms
            .Where(r => r.RoomId == roomId && r.Kind == RoomKinds.Public && r.DeletedAt == null)
            .Select(r => new RoomSummary { RoomId = r.RoomId, Name = r.Name, Topic = r.Topic, Kind = r.Kind, MemberCount = r.MemberCount })
            .FirstOrDefaultAsync(token), cancellationToken);
    }

    /// <summary>Public rooms whose name has <paramref name="text"/> in it, in the order of their names after a given one; up to one more than <paramref name="limit"/>.</summary>
    public async Task<IReadOnlyList<RoomSummary>> PublicAsync(
        string userId, string? text, (string Name, string RoomId)? after, int limit, CancellationToken cancellationToken)
    {
        var pattern = $"%{EscapeLike(text ?? "")}%";
        var (afterName, afterId) = after ?? ("", "");
        return await work.RunAsync((db, token) => db.Rooms
            .Where(r => r.Kind == RoomKinds.Public && r.DeletedAt == null && EF.Functions.ILike(r.Name, pattern, @"\"))
            .Where(r => r.Name.CompareTo(afterName) > 0 || (r.Name == afterName && r.RoomId.CompareTo(afterId) > 0))
            .OrderBy(r => r.Name).ThenBy(r => r.RoomId).Take(limit + 1)
            .Select(r => new RoomSummary
            {
                RoomId = r.RoomId,
                Name = r.Name,
                Topic = r.Topic,
                Kind = r.Kind,
                MemberCount = r.MemberCount,
                Role = db.Memberships.Where(m => m.RoomId == r.RoomId && m.UserId == userId).Select(m => m.Role).FirstOrDefault(),
            }).ToListAsync(token), cancellationToken);
    }

    /// <summary>Members in the order of their ids after <paramref name="after"/>; up to one more than <paramref name="limit"/>.</summary>
    public async Task<IReadOnlyList<Member>> MembersAsync(string roomId, string? after, int limit, CancellationToken cancellationToken) =>
        await work.RunAsync((db, token) => (
            from member in db.Memberships
            join user in db.Users on member.UserId equals user.UserId
            where member.RoomId == roomId && (after == null || member.UserId.CompareTo(after) > 0)
            orderby member.UserId
            select new Member(user.UserId, user.UserName, user.DisplayName, member.Role, member.JoinedAt)).Take(limit + 1).ToListAsync(token), cancellationToken);

    private async Task<RoomSummary[]> FillAsync(string userId, IReadOnlyList<Row> rows, CancellationToken cancellationToken)
    {
        string[] roomIds = [.. rows.Select(r => r.RoomId)];
        var marks = await markers.GetAsync(userId, roomIds, cancellationToken);
        var heads = await newest.GetAsync(roomIds, cancellationToken);
        return [.. rows.Select((row, i) => Describe(row, marks[i], heads[i]))];
    }

    // Ticks keep the microseconds that Postgres has; before the first page stands the end of time.
    private static string PlaceOf(Row row) => string.Create(CultureInfo.InvariantCulture, $"{row.JoinedAt.UtcTicks}\n{row.RoomId}");

    private static (DateTimeOffset Time, string RoomId) ReadPlace(string? place) =>
        place?.Split('\n') is [var ticks, var roomId] && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var time) && time <= DateTime.MaxValue.Ticks
            ? (new DateTimeOffset(time, TimeSpan.Zero), roomId)
            : (DateTimeOffset.MaxValue, "");

    private static RoomSummary Describe(Row row, RoomMarker marker, NewestEvent newest) => new()
    {
        RoomId = row.RoomId,
        Name = row.Peer is { } peer ? peer.DisplayName ?? peer.UserName : row.Name,
        Topic = row.Topic,
        Kind = row.Kind,
        Role = row.Role,
        HeadSeq = newest.HeadSeq,
        ReadSeq = marker.Seq,
        Unread = marker.Unread,
        Mentions = marker.Mentions,
        LastEvent = newest.Event,
        Notify = row.Notify,
        Peer = row.Peer,
        MemberCount = row.MemberCount,
    };

    private static IQueryable<Row> RowsOf(ChatDb db, string userId) =>
        from member in db.Memberships
        join room in db.Rooms on member.RoomId equals room.RoomId
        where member.UserId == userId && room.DeletedAt == null
        select new Row
        {
            RoomId = room.RoomId,
            Name = room.Name,
            Topic = room.Topic,
            Kind = room.Kind,
            Role = member.Role,
            JoinedAt = member.JoinedAt,
            Notify = member.Notify,
            MemberCount = room.MemberCount,
            Peer = room.Kind == RoomKinds.Direct
                ? db.Memberships.Where(m => m.RoomId == room.RoomId && m.UserId != userId)
                    .Join(db.Users, m => m.UserId, u => u.UserId, (m, u) => new Peer(u.UserId, u.UserName, u.DisplayName)).FirstOrDefault()
                : null,
        };

    private static string EscapeLike(string text) => text.Replace(@"\", @"\\").Replace("%", @"\%").Replace("_", @"\_");

    private sealed class Row
    {
        public required string RoomId { get; init; }
        public required string Name { get; init; }
        public string? Topic { get; init; }
        public required string Kind { get; init; }
        public required string Role { get; init; }
        public required DateTimeOffset JoinedAt { get; init; }
        public required string Notify { get; init; }
        public required int MemberCount { get; init; }
        public Peer? Peer { get; init; }
    }
}
