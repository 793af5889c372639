using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.History;
using Chat.Data.Model;
using Chat.Realtime.Reading;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>Rooms as their callers see them: Postgres says which, Redis and history what is new in them.</summary>
public sealed class RoomList(UnitOfWork work, RoomHistory history, ReadMarkers markers)
{
    /// <summary>Somebody in more rooms than this sees the ones that were joined last.</summary>
    private const int MaxRooms = 1_000;
    private const int ReadsAtOnce = 16;

    /// <summary>The rooms of a user, the one with the newest event first.</summary>
    public async Task<IReadOnlyList<RoomSummary>> MineAsync(string userId, CancellationToken cancellationToken)
    {
        var rows = await work.RunAsync((db, token) => RowsOf(db, userId).OrderByDescending(r => r.JoinedAt).Take(MaxRooms).ToListAsync(token), cancellationToken);
        var summaries = await FillAsync(userId, rows, cancellationToken);
        return [.. rows.Zip(summaries).OrderByDescending(room => room.Second.LastEvent?.Timestamp ?? room.First.JoinedAt).Select(room => room.Second)];
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
        var receipts = await markers.GetAsync(userId, [.. rows.Select(r => r.RoomId)], cancellationToken);
        var summaries = new RoomSummary[rows.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = ReadsAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(0, rows.Count), options, async (i, token) =>
        {
            var newest = await history.ReadPageAsync(rows[i].RoomId, beforeSeq: null, afterSeq: null, limit: 1, token);
            summaries[i] = Describe(rows[i], receipts[i], newest);
        });
        return summaries;
    }

    private static RoomSummary Describe(Row row, ReadReceipt receipt, HistorySlice newest) => new()
    {
        RoomId = row.RoomId,
        Name = row.Peer is { } peer ? peer.DisplayName ?? peer.UserName : row.Name,
        Topic = row.Topic,
        Kind = row.Kind,
        Role = row.Role,
        HeadSeq = newest.HeadSeq,
        ReadSeq = receipt.Seq,
        Unread = receipt.Unread,
        LastEvent = newest.Events is [.., var last] ? JsonSerializer.Deserialize(last.Span, ChatJson.Wire.ChatEvent) : null,
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
        public required int MemberCount { get; init; }
        public Peer? Peer { get; init; }
    }
}
