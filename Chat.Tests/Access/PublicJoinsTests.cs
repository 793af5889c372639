using System.Collections.Concurrent;
using Chat.Contracts.Api;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.Outbox;
using Chat.Tests.Api;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Chat.Tests.Access;

[Collection(ApiCollection.Name)]
public sealed class PublicJoinsTests(ApiFixture fixture)
{
    private readonly ConcurrentBag<(string RoomId, string UserId)> _told = [];

    [Fact]
    public async Task Who_come_while_a_room_is_held_wait_in_one_statement_of_their_node_and_each_is_counted_and_told_once()
    {
        var host = fixture.Host;
        var roomId = await host.NewUser().CreateRoomAsync();
        var users = Enumerable.Range(0, 200).Select(_ => NewUser()).ToArray();
        await AddUsersAsync(users);
        PublicJoins[] nodes = [NewNode(), NewNode()];

        await using var held = await HeldRoom.HoldAsync(host.Database, roomId);
        // Everybody comes to both nodes, and twice to one of them.
        var joins = users.SelectMany(user => new[] { nodes[0], nodes[1], nodes[1] }.Select(node => node.JoinAsync(roomId, user, CancellationToken.None))).ToArray();
        await Until.TrueAsync(async () => await WaitingStatementsAsync() >= nodes.Length, "a statement of each node waits for the room");
        Assert.Equal(nodes.Length, await WaitingStatementsAsync());
        await held.EndAsync();

        Assert.All(await Task.WhenAll(joins), standing => Assert.Equal(Roles.Member, standing!.Role));
        Assert.Equal(users.Length + 1, await host.QueryAsync<long>($"select count(*) from members where room_id = '{roomId}'"));
        Assert.Equal(users.Length + 1, await host.QueryAsync<int>($"select member_count from rooms where room_id = '{roomId}'"));
        Assert.Equal(users.Length, await host.QueryAsync<long>($"select count(*) from outbox where room_id = '{roomId}'"));
        Assert.Equal(users.Select(user => (roomId, user.UserId)).Order(), _told.Order());
        await ForgetOutboxAsync(roomId);
    }

    [Fact]
    public async Task A_room_that_is_held_keeps_nobody_from_another()
    {
        var host = fixture.Host;
        var owner = host.NewUser();
        var (held, free) = (await owner.CreateRoomAsync(), await owner.CreateRoomAsync());
        var user = NewUser();
        await AddUsersAsync([user]);
        var node = NewNode();

        await using var holding = await HeldRoom.HoldAsync(host.Database, held);
        var waiting = node.JoinAsync(held, user, CancellationToken.None);
        Assert.Equal(Roles.Member, (await node.JoinAsync(free, user, CancellationToken.None).WaitAsync(Until.Patience))!.Role);
        Assert.False(waiting.IsCompleted);
        await holding.EndAsync();

        Assert.Equal(Roles.Member, (await waiting)!.Role);
        await ForgetOutboxAsync(held, free);
    }

    [Fact]
    public async Task A_member_keeps_its_role_and_is_not_told_again_and_who_may_not_join_gets_nothing()
    {
        var host = fixture.Host;
        var owner = host.NewUser();
        var (open, closed) = (await owner.CreateRoomAsync(), await owner.CreateRoomAsync(RoomKinds.Private));
        var guest = NewUser();
        await AddUsersAsync([guest]);
        var node = NewNode();

        var results = await Task.WhenAll(
            node.JoinAsync(open, guest with { UserId = owner.UserId }, CancellationToken.None),
            node.JoinAsync(closed, guest, CancellationToken.None),
            node.JoinAsync("no-such-room", guest, CancellationToken.None),
            node.JoinAsync(open, guest, CancellationToken.None));

        Assert.Equal([Roles.Owner, null, null, Roles.Member], results.Select(standing => standing?.Role));
        Assert.Equal([(open, guest.UserId)], _told);
        await ForgetOutboxAsync(open);
    }

    [Fact]
    public async Task Who_is_no_user_does_not_keep_others_from_joining()
    {
        var roomId = await fixture.Host.NewUser().CreateRoomAsync();
        var (first, stranger, user) = (NewUser(), NewUser(), NewUser());
        await AddUsersAsync([first, user]);
        var node = NewNode();

        // The first goes alone, the others together.
        var results = await Task.WhenAll(new[] { first, stranger, user }.Select(one => node.JoinAsync(roomId, one, CancellationToken.None)));

        Assert.Equal([Roles.Member, null, Roles.Member], results.Select(standing => standing?.Role));
        await ForgetOutboxAsync(roomId);
    }

    private PublicJoins NewNode()
    {
        PublishEvent publish = (outgoing, _) =>
        {
            _told.Add((outgoing.Envelope.RoomId!, outgoing.Envelope.SenderId!));
            return Task.FromResult(new SendReceipt(outgoing.Envelope.RoomId!, null, outgoing.Envelope.EventId!, 1, "0", DateTimeOffset.UtcNow));
        };
        return ActivatorUtilities.CreateInstance<PublicJoins>(fixture.Host.Services, ActivatorUtilities.CreateInstance<OutboxSender>(fixture.Host.Services, publish));
    }

    private static ConnectedUser NewUser()
    {
        var userId = "u-" + Guid.NewGuid().ToString("N")[..16];
        return new ConnectedUser(userId, userId, null, Admin: false, SessionId: null, DateTimeOffset.UtcNow.AddHours(1));
    }

    private async Task AddUsersAsync(ConnectedUser[] users)
    {
        await using var insert = fixture.Host.Database.CreateCommand("insert into users (user_id, user_name, created_at) select id, id, now() from unnest($1) as id");
        insert.Parameters.AddWithValue(Array.ConvertAll(users, user => user.UserId));
        await insert.ExecuteNonQueryAsync();
    }

    // Sent as far as the host knows: its sweeper would send them again, beside other tests.
    private async Task ForgetOutboxAsync(params string[] rooms)
    {
        await using var mark = fixture.Host.Database.CreateCommand("update outbox set sent_at = now() where room_id = any($1)");
        mark.Parameters.AddWithValue(rooms);
        await mark.ExecuteNonQueryAsync();
    }

    private Task<long> WaitingStatementsAsync() => fixture.Host.QueryAsync<long>(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'");
}
