using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Auth;
using Chat.Realtime.Publishing;
using Chat.Tests.Numbering;
using Chat.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Commands;

/// <summary>A change that is sent again while its first try is still under way.</summary>
[Collection(nameof(NodeCollection))]
public sealed class RepeatedChangeTests(NodeFixture fixture)
{
    [Fact]
    public async Task A_repeat_that_is_refused_because_its_first_try_was_accepted_meanwhile_gets_the_first_ack()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var target = await room.SendAsync("to be deleted");
        var first = 0L;
        var receipt = await await BeginAsync(room, async () =>
        {
            // The repeat was not known a moment ago; now its first try comes through, and the message is deleted.
            first = (await room.Client.AskAsync(new { event_type = "delete_message", room_id = room.Id, target_id = target, client_id = "c1" })).Seq();
            throw new ChatException(ErrorCodes.NotFound, "It was deleted.");
        });
        Assert.Equal((first, "c1"), (receipt.Seq, receipt.ClientId));
    }

    [Fact]
    public async Task A_change_that_was_never_accepted_stays_refused()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var refusal = await Assert.ThrowsAsync<ChatException>(() => BeginAsync(room, () => throw new ChatException(ErrorCodes.NotFound, "There is none.")));
        Assert.Equal(ErrorCodes.NotFound, refusal.Code);
    }

    private Task<Task<SendReceipt>> BeginAsync(ChatRoom room, Func<Task<PreparedEvent>> prepareAsync) => fixture.Node.Services.GetRequiredService<EventSender>().BeginAsync(
        new ConnectedUser(room.Owner, room.Owner, null, Admin: false, SessionId: null, DateTimeOffset.MaxValue), room.Id, "c1", _ => prepareAsync(), Task.CompletedTask,
        TestContext.Current.CancellationToken);
}
