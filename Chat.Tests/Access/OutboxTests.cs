using System.Net;
using Chat.Contracts;
using Chat.Realtime.Outbox;
using Chat.Realtime.Publishing;
using Chat.Tests.Api;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Access;

[Collection(ApiCollection.Name)]
public sealed class OutboxTests(ApiFixture fixture)
{
    [Fact]
    public async Task An_event_whose_process_died_between_commit_and_log_is_sent_once_under_its_id()
    {
        // A process that dies right after the commit: to its database it looks like one whose sends never return.
        var stuck = new TaskCompletionSource<Chat.Contracts.Api.SendReceipt>();
        await using var host = await fixture.StartAsync([], services => services.AddSingleton<PublishEvent>((_, _) => stuck.Task));
        var owner = host.NewUser();
        var roomId = await owner.CreateRoomAsync();
        var guest = host.NewUser();
        (await guest.PostAsync($"/api/rooms/{roomId}/join")).Expect(HttpStatusCode.OK);
        var eventId = await host.QueryAsync<Guid>($"select event_id from outbox where room_id = '{roomId}' and sent_at is null");

        var publisher = host.Services.GetRequiredService<EventPublisher>();
        var sweeper = ActivatorUtilities.CreateInstance<OutboxSweeper>(host.Services, new PublishEvent(publisher.PublishWhenOpenAsync));
        Assert.Equal(0, await sweeper.SweepAsync(CancellationToken.None)); // still claimed by its process
        await using (var expire = host.Database.CreateCommand("update outbox set claimed_until = now() - interval '1 second'")) await expire.ExecuteNonQueryAsync();
        // The host's own sweeper, whose sends hang, may claim it first; then its claim is expired again.
        await Until.TrueAsync(async () =>
        {
            await using var expire = host.Database.CreateCommand("update outbox set claimed_until = now() - interval '1 second'");
            await expire.ExecuteNonQueryAsync();
            return await sweeper.SweepAsync(CancellationToken.None) == 1;
        }, "the sweeper takes the entry up");

        var page = (await owner.GetAsync($"/api/rooms/{roomId}/messages")).Expect(HttpStatusCode.OK).Json.GetProperty("events");
        var join = page.EnumerateArray().Single();
        Assert.Equal(EventTypes.UserJoin, join.GetProperty("event_type").GetString());
        Assert.Equal(eventId.ToString(), join.GetProperty("event_id").GetString());
        await Until.TrueAsync(async () => await host.QueryAsync<long>("select count(*) from outbox where sent_at is null") == 0, "the entry is marked as sent");
    }

    [Fact]
    public async Task Two_sweepers_share_the_entries_and_a_failing_log_gives_them_back()
    {
        var refuse = true;
        var sent = new List<string>();
        Task<Chat.Contracts.Api.SendReceipt> Publish(OutgoingEvent outgoing, CancellationToken cancellationToken)
        {
            if (refuse) throw new ChatException(ErrorCodes.Unavailable, "The log is away.");
            lock (sent) sent.Add(outgoing.Envelope.EventId!);
            return Task.FromResult(new Chat.Contracts.Api.SendReceipt(outgoing.Envelope.RoomId!, null, outgoing.Envelope.EventId!, 1, "0", DateTimeOffset.UtcNow));
        }
        // No entry of this database is old enough for the sweepers of the host itself.
        await using var host = await fixture.StartAsync([], services => services.AddSingleton<PublishEvent>(new PublishEvent((_, _) => throw new ChatException(ErrorCodes.Unavailable, "away"))));
        await using (var insert = host.Database.CreateCommand(
            """
            insert into outbox (event_id, room_id, envelope, access_version, created_epoch, created_at, claimed_until)
            select gen_random_uuid(), 'r', '{"event_type":"user_join","event_id":"' || gen_random_uuid() || '","room_id":"r"}', 0, 0, now(), now() + interval '1 hour'
            from generate_series(1, 60)
            """)) await insert.ExecuteNonQueryAsync();
        await using (var align = host.Database.CreateCommand("update outbox set envelope = replace(envelope, substring(envelope from '\"event_id\":\"([^\"]+)\"'), event_id::text)"))
            await align.ExecuteNonQueryAsync();
        var sweepers = Enumerable.Range(0, 2).Select(_ => ActivatorUtilities.CreateInstance<OutboxSweeper>(host.Services, new PublishEvent(Publish))).ToArray();

        Assert.Equal(0, await sweepers[0].SweepAsync(CancellationToken.None)); // claimed: nobody else's
        await ReleaseAllAsync(host);
        await Until.TrueAsync(async () =>
        {
            try
            {
                return await sweepers[0].SweepAsync(CancellationToken.None) < 0;
            }
            catch (ChatException e)
            {
                return e.Code == ErrorCodes.Unavailable;
            }
        }, "a sweep fails while the log is away");
        Assert.Equal(60, await host.QueryAsync<long>("select count(*) from outbox where sent_at is null"));

        refuse = false;
        await Until.TrueAsync(async () =>
        {
            await ReleaseAllAsync(host);
            await Task.WhenAll(sweepers.Select(s => s.SweepAsync(CancellationToken.None)));
            lock (sent) return sent.Distinct().Count() == 60;
        }, "both sweepers have sent all entries");
    }

    [Fact]
    public async Task A_room_whose_partition_is_closed_holds_up_no_other_however_many_entries_it_has()
    {
        var sent = new List<string>();
        Task<Chat.Contracts.Api.SendReceipt> Publish(OutgoingEvent outgoing, CancellationToken cancellationToken)
        {
            if (outgoing.Envelope.RoomId == "closed") throw new ChatException(ErrorCodes.Unavailable, "Its partition is closed.");
            lock (sent) sent.Add(outgoing.Envelope.RoomId!);
            return Task.FromResult(new Chat.Contracts.Api.SendReceipt(outgoing.Envelope.RoomId!, null, outgoing.Envelope.EventId!, 1, "0", DateTimeOffset.UtcNow));
        }
        await using var host = await fixture.StartAsync([], services => services.AddSingleton<PublishEvent>(new PublishEvent((_, _) => throw new ChatException(ErrorCodes.Unavailable, "away"))));
        // More than a batch of the closed room's, and all older than the open one's.
        await using (var insert = host.Database.CreateCommand(
            """
            insert into outbox (event_id, room_id, envelope, access_version, created_epoch, created_at, claimed_until)
            select id, room, '{"event_type":"user_join","event_id":"' || id || '","room_id":"' || room || '"}', 0, 0, now() + n * interval '1 ms', now() + interval '1 hour'
            from (select gen_random_uuid() as id, n, case when n <= 150 then 'closed' else 'open' end as room from generate_series(1, 155) as n) as made
            """)) await insert.ExecuteNonQueryAsync();
        var sweeper = ActivatorUtilities.CreateInstance<OutboxSweeper>(host.Services, new PublishEvent(Publish));

        await ReleaseAllAsync(host);
        await Assert.ThrowsAsync<ChatException>(() => sweeper.SweepAsync(CancellationToken.None));
        await sweeper.SweepAsync(CancellationToken.None);

        Assert.Equal(Enumerable.Repeat("open", 5), sent);
    }

    private static async Task ReleaseAllAsync(ApiHost host)
    {
        await using var release = host.Database.CreateCommand("update outbox set claimed_until = null where sent_at is null");
        await release.ExecuteNonQueryAsync();
    }
}
