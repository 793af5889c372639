using System.Text.Json;
using Chat.Contracts;
using Chat.Data.Model;
using Chat.Realtime.Publishing;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Outbox;

/// <summary>
/// Events that Postgres decided and the log must tell. A row is written in the deciding transaction with its event id, so whoever sends it, and
/// however often, it is one event. All times are the database's: the clocks of hosts do not matter.
/// </summary>
internal static class OutboxTable
{
    /// <summary>So long an entry belongs to the process that wrote or claimed it.</summary>
    public static readonly TimeSpan Claim = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <summary>Writes an entry, claimed by this process, which sends it after the commit.</summary>
    public static Task AddAsync(ChatDb db, OutgoingEvent outgoing, CancellationToken cancellationToken) => db.Database.ExecuteSqlAsync(
        $"""
        insert into outbox (event_id, room_id, envelope, access_version, created_epoch, participants, created_at, claimed_until)
        values ({Guid.Parse(outgoing.Envelope.EventId!)}, {outgoing.Envelope.RoomId}, {Encode(outgoing.Envelope)}, {outgoing.AccessVersion},
            {outgoing.CreatedEpoch}, {Join(outgoing.Participants)}, now(), now() + {Claim})
        """, cancellationToken);

    /// <summary>
    /// Claims the oldest entries that nobody sends; other processes pass over those that are being claimed. An entry whose event is in history was sent,
    /// whenever that was: Redis may have forgotten it since, and would give it a second number.
    /// </summary>
    public static async Task<IReadOnlyList<OutgoingEvent>> ClaimAsync(ChatDb db, int limit, CancellationToken cancellationToken)
    {
        // One question, and nothing to write, while nothing waits.
        if (!await db.Database.SqlQuery<bool>(
            $"""select exists (select from outbox where sent_at is null and (claimed_until is null or claimed_until < now())) as "Value" """).SingleAsync(cancellationToken)) return [];
        await db.Database.ExecuteSqlAsync(
            $"""
            update outbox set sent_at = now()
            where sent_at is null and (claimed_until is null or claimed_until < now()) and exists (select from events where events.event_id = outbox.event_id)
            """, cancellationToken);
        var entries = await db.Outbox.FromSql(
            $"""
            update outbox set claimed_until = now() + {Claim}
            where event_id in (
                select event_id from outbox where sent_at is null and (claimed_until is null or claimed_until < now())
                order by created_at limit {limit} for update skip locked)
            returning *
            """).AsNoTracking().ToListAsync(cancellationToken);
        return [.. entries.OrderBy(e => e.CreatedAt).Select(ToOutgoing)];
    }

    /// <summary>Gives back what was claimed and not sent; nobody claims it at once, so that it does not stand before others.</summary>
    public static Task ReleaseAsync(ChatDb db, Guid[] eventIds, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync($"update outbox set claimed_until = now() + {Rest} where event_id = any({eventIds}) and sent_at is null", cancellationToken);

    public static Task MarkSentAsync(ChatDb db, Guid[] eventIds, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync($"update outbox set sent_at = now() where event_id = any({eventIds})", cancellationToken);

    /// <summary>Removes up to <paramref name="limit"/> entries that were sent more than a day ago.</summary>
    public static Task<int> PurgeAsync(ChatDb db, int limit, CancellationToken cancellationToken) => db.Database.ExecuteSqlAsync(
        $"""
        delete from outbox where event_id in (
            select event_id from outbox where sent_at < now() - interval '1 day' limit {limit} for update skip locked)
        """, cancellationToken);

    public static string Encode(ChatEvent envelope) => JsonSerializer.Serialize(envelope, ChatJson.Wire.ChatEvent);

    private static OutgoingEvent ToOutgoing(OutboxEntry entry) => new(
        JsonSerializer.Deserialize(entry.Envelope, ChatJson.Wire.ChatEvent)!, [], entry.AccessVersion, entry.CreatedEpoch, entry.Participants?.Split('\n'));

    private static string? Join(IReadOnlyList<string>? participants) => participants is null ? null : string.Join('\n', participants);
}
