using System.Text.Json;
using Chat.Tests.Backends;
using Chat.Tests.Commands;
using Chat.Tests.EndToEnd;
using Chat.Tests.Realtime;

namespace Chat.Tests.Epochs;

/// <summary>Redis forgets a message that is not in Postgres yet: that it cannot be found says nothing until the log was numbered again.</summary>
public sealed class ForgottenTargetTests(PostgresFixture postgres)
{
    // Each try waits a few seconds itself.
    private const int MaxTries = 20;

    [Fact]
    public async Task A_change_of_a_message_that_only_the_log_has_is_asked_to_come_again_and_is_accepted_then()
    {
        await using var platform = await Platform.StartAsync(postgres);
        await using var room = await ChatRoom.CreateAsync(platform.Nodes[0]);
        var id = await room.SendAsync("only in the log");
        await platform.EmptyRedisAsync();
        Assert.Equal("unavailable", (await room.EditAsync(id, "edited")).Text("code"));

        await platform.StartPersisterAsync();

        var reply = await EditUntilAnsweredAsync(room, id);
        Assert.Equal("ack", reply.Text("event_type"));
        // Only now it is certain that there is none.
        Assert.Equal("not_found", (await room.EditAsync(Guid.NewGuid().ToString(), "edited")).Text("code"));
    }

    [Fact]
    public async Task A_change_behind_a_deletion_that_only_the_log_has_is_never_accepted()
    {
        await using var platform = await Platform.StartAsync(postgres);
        await platform.StartPersisterAsync();
        await using var room = await ChatRoom.CreateAsync(platform.Nodes[0]);
        var id = await room.SendAsync("in Postgres");
        await Await.UntilAsync(async () => (await platform.RowsAsync(room.Id)).Count == 1, () => "the message in Postgres");
        await platform.StopPersisterAsync();
        Assert.Equal("ack", (await room.DeleteAsync(id)).Text("event_type"));
        await platform.EmptyRedisAsync();
        Assert.Equal("unavailable", (await room.EditAsync(id, "edited")).Text("code"));

        await platform.StartPersisterAsync();

        var reply = await EditUntilAnsweredAsync(room, id);
        Assert.Equal("not_found", reply.Text("code"));
    }

    private static async Task<JsonElement> EditUntilAnsweredAsync(ChatRoom room, string id)
    {
        var reply = await room.EditAsync(id, "edited");
        for (var tries = 1; reply.Text("event_type") == "error" && reply.Text("code") == "unavailable" && tries < MaxTries; tries++)
            reply = await room.EditAsync(id, "edited");
        return reply;
    }
}
