using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Realtime;

/// <summary>A session that ends at the very moment in which a connection begins to stand for it.</summary>
[Collection(nameof(NodeCollection))]
public sealed class EndedSessionTests(NodeFixture fixture)
{
    [Fact]
    public async Task A_session_that_ends_during_the_handshake_keeps_no_connection()
    {
        var user = UserOf(NodeFixture.Name("ann"));
        // The token was found good; before the connection is there the session ends.
        await Ended.AnnounceAsync(user.UserId, user.SessionId!);

        var lifecycle = fixture.Node.Services.GetRequiredService<ConnectionLifecycle>();
        var connection = await lifecycle.OpenAsync(user, CancellationToken.None);
        try
        {
            Assert.Equal(CloseCodes.SessionExpired, connection.ClosedWith?.Code);
        }
        finally
        {
            lifecycle.Closed(connection);
        }
    }

    [Fact]
    public async Task A_session_that_ends_while_a_connection_takes_it_over_keeps_no_connection()
    {
        var first = UserOf(NodeFixture.Name("ann"));
        var lifecycle = fixture.Node.Services.GetRequiredService<ConnectionLifecycle>();
        var connection = await lifecycle.OpenAsync(first, CancellationToken.None);
        try
        {
            var second = first with { SessionId = Guid.NewGuid().ToString("N") };
            await Ended.AnnounceAsync(second.UserId, second.SessionId!);
            Ended.Enforce(connection);
            Assert.Null(connection.ClosedWith);

            connection.User = second;
            Ended.Enforce(connection);
            Assert.Equal(CloseCodes.SessionExpired, connection.ClosedWith?.Code);
        }
        finally
        {
            lifecycle.Closed(connection);
        }
    }

    private EndedSessions Ended => fixture.Node.Services.GetRequiredService<EndedSessions>();

    private static ConnectedUser UserOf(string userId) => new(userId, userId, null, false, Guid.NewGuid().ToString("N"), DateTimeOffset.MaxValue);
}
