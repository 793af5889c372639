using Chat.Realtime;
using Chat.Realtime.Auth;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;
using Chat.Realtime.Transport;
using Chat.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Tests.Transport;

[Collection(nameof(FrameworkPathCollection))]
public sealed class StreamSessionTests(FrameworkPathFixture fixture)
{
    [Fact]
    public async Task A_connection_whose_request_has_ended_does_not_touch_it_any_more()
    {
        var cuts = 0;
        var connection = new Connection(Guid.NewGuid(), new ConnectedUser("ann", "ann", null, false, null, DateTimeOffset.MaxValue));
        await using (var session = new StreamSession(
            connection, Stream.Null, fixture.Node.Services.GetRequiredService<CommandDispatcher>(), fixture.Node.Services.GetRequiredService<NodeMetrics>(), TimeProvider.System,
            () => cuts++, NullLogger.Instance))
        {
            await session.RunAsync(CancellationToken.None); // the stream ends at once
            connection.Abort();
            Assert.Equal(1, cuts);
        }
        connection.Abort();
        Assert.Equal(1, cuts);
    }
}
