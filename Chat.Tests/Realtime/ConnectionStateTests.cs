using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Tests.Realtime;

/// <summary>What a node keeps of its connections, in the forms that it has for one and for several.</summary>
[Collection(nameof(NodeCollection))]
public sealed class ConnectionStateTests(NodeFixture fixture)
{
    [Fact]
    public void A_registry_knows_each_users_connections_the_oldest_first_whichever_leaves()
    {
        foreach (var leaving in Enumerable.Range(0, 3))
        {
            var registry = new ConnectionRegistry();
            var (ann, bob) = (Enumerable.Range(0, 3).Select(_ => Open("ann")).ToArray(), Open("bob"));
            foreach (var connection in (Connection[])[ann[0], bob, ann[1], ann[2]]) registry.Add(connection);
            Assert.Equal(ann, registry.OfUser("ann"));

            registry.Remove(ann[leaving]);
            registry.Remove(ann[leaving]); // for the second time: nothing happens

            Connection[] left = [.. ann.Where(connection => connection != ann[leaving])];
            Assert.Equal(left, registry.OfUser("ann"));
            Assert.Equal([bob, .. left], registry.All().OrderBy(connection => connection == bob ? -1 : Array.IndexOf(left, connection)));
            Assert.Equal((3, 5), (registry.Count, registry.Changes));
            foreach (var connection in registry.All()) registry.Remove(connection);
            Assert.Empty(registry.Users());
            Assert.Empty(registry.OfUser("ann"));
        }
    }

    [Fact]
    public void A_connection_has_one_subscription_per_room_and_any_number_of_rooms()
    {
        var connection = Open("ann");
        var subscriptions = connection.Subscriptions;
        var (first, again, second) = (To("a"), To("a"), To("b"));

        Assert.Null(subscriptions.Replace(first));
        Assert.Same(first, subscriptions.Replace(again)); // the room's, while it is the only one
        Assert.False(subscriptions.Remove(first));
        Assert.Same(again, subscriptions.Find("a"));
        Assert.Null(subscriptions.Find("b"));
        Assert.Equal([again], subscriptions.All());

        Assert.Null(subscriptions.Replace(second));
        Assert.Same(again, subscriptions.Replace(first)); // the room's, among several
        Assert.Equal(2, subscriptions.Count);
        Assert.Equal([first, second], subscriptions.All().OrderBy(subscription => subscription.Room.RoomId, StringComparer.Ordinal));

        Assert.True(subscriptions.PassOver("b", 7));
        Assert.True(subscriptions.PassOver("b", 8));
        Assert.Equal(7, second.PassedOverFrom);
        Assert.False(subscriptions.PassOver("c", 7));
        Assert.False(subscriptions.Remove(again));
        Assert.True(subscriptions.Remove(first));
        Assert.True(subscriptions.Remove(second));
        Assert.Equal(0, subscriptions.Count);
        Assert.Empty(subscriptions.All());

        Subscription To(string roomId) => new(connection, new LocalRoom(roomId, fixture.Node.Services.GetRequiredService<LocalRooms>()));
    }

    [Fact]
    public void Memory_is_given_back_once_after_many_have_come_or_gone_and_only_when_all_is_quiet()
    {
        using var memory = new IdleMemory(new ConnectionRegistry(), TimeProvider.System, NullLogger<IdleMemory>.Instance);
        Assert.False(memory.IsDue(changes: 10_000, collections: 3)); // they are just coming
        Assert.False(memory.IsDue(10_000, 4)); // the collector is at work
        Assert.True(memory.IsDue(10_000, 4));
        Assert.False(memory.IsDue(10_000, 4));
        Assert.False(memory.IsDue(10_200, 4));
        Assert.False(memory.IsDue(10_200, 4)); // few
        Assert.False(memory.IsDue(10_600, 4));
        Assert.True(memory.IsDue(10_600, 4));
    }

    private static Connection Open(string userId) => new(Guid.NewGuid(), new ConnectedUser(userId, userId, null, false, null, DateTimeOffset.MaxValue));
}
