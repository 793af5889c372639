using System.Text;
using System.Text.Json;
using Chat.Realtime.Connections;
using Chat.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Transport;

/// <summary>What the kernel does not take at once waits, whole and in order.</summary>
[Collection(nameof(NodeCollection))]
public sealed class SlowReaderTests(NodeFixture fixture)
{
    [Fact]
    public async Task Frames_of_concurrent_senders_arrive_whole_and_each_senders_in_order()
    {
        const int senders = 4, each = 700;
        var user = NodeFixture.Name("ann");
        using var client = await RawConnection.OpenAsync(fixture.Node, user, receiveBuffer: 4_096);
        var connection = Assert.Single(fixture.Node.Services.GetRequiredService<ConnectionRegistry>().OfUser(user));
        var sending = Enumerable.Range(0, senders).Select(sender => Task.Run(() =>
        {
            var random = new Random(sender);
            for (var i = 0; i < each; i++)
            {
                var frame = Encoding.ASCII.GetBytes($"{{\"sender\":{sender},\"n\":{i},\"pad\":\"{new string('x', random.Next(900))}\"}}");
                if (sender % 2 == 0) connection.Reply(frame);
                else Assert.True(connection.TrySend(frame));
            }
        })).ToArray();
        await Task.WhenAll(sending).WaitAsync(TimeSpan.FromSeconds(30)); // nobody waits for the client
        var next = new int[senders];
        for (var i = 0; i < senders * each; i++)
        {
            var frame = JsonDocument.Parse(await client.ReadTextAsync()).RootElement;
            Assert.Equal(next[frame.GetProperty("sender").GetInt32()]++, frame.GetProperty("n").GetInt32());
        }
        await client.AssertAliveAsync();
    }

    [Fact]
    public async Task The_frame_that_was_under_way_is_finished_before_the_close_with_4408()
    {
        var user = NodeFixture.Name("ann");
        using var client = await RawConnection.OpenAsync(fixture.Node, user, receiveBuffer: 4_096);
        var connection = Assert.Single(fixture.Node.Services.GetRequiredService<ConnectionRegistry>().OfUser(user));
        var frame = Encoding.ASCII.GetBytes(new string('y', 30_000));
        var sent = 0;
        while (connection.TrySend(frame)) Assert.True(++sent < 10_000, "Nothing was bounded.");
        var received = 0;
        while (await client.ReadFrameAsync() is { } next)
        {
            if (next.Opcode == ClientFrame.CloseOpcode)
            {
                Assert.Equal(4408, (next.Payload[0] << 8) | next.Payload[1]);
                Assert.InRange(received, 1, sent - 1);
                return;
            }
            Assert.Equal(frame, next.Payload);
            received++;
        }
        Assert.Fail("The connection ended without a close frame.");
    }

    [Fact]
    public async Task Pings_that_cannot_be_answered_at_once_are_not_kept()
    {
        var user = NodeFixture.Name("ann");
        using var client = await RawConnection.OpenAsync(fixture.Node, user, receiveBuffer: 4_096);
        var connection = Assert.Single(fixture.Node.Services.GetRequiredService<ConnectionRegistry>().OfUser(user));
        var frame = new byte[50_000];
        frame.AsSpan().Fill((byte)'z');
        const int frames = 15; // more than the kernel takes, less than the bound
        for (var i = 0; i < frames; i++) connection.Reply(frame);
        for (var i = 0; i < 500; i++) await client.SendAsync(ClientFrame.Ping($"{i}"));
        await client.SendAsync(ClientFrame.Text("{\"event_type\":\"ping\",\"id\":\"end\"}"));
        var (pongs, last) = (0, "");
        while (await client.ReadFrameAsync() is { } next)
        {
            if (next.Opcode == ClientFrame.PongOpcode) (pongs, last) = (pongs + 1, Encoding.ASCII.GetString(next.Payload));
            else if (Encoding.ASCII.GetString(next.Payload).Contains("\"end\"", StringComparison.Ordinal)) break;
        }
        while (last != "499")
        {
            var next = await client.ReadFrameAsync();
            Assert.Equal(ClientFrame.PongOpcode, next!.Value.Opcode);
            (pongs, last) = (pongs + 1, Encoding.ASCII.GetString(next.Value.Payload));
        }
        Assert.InRange(pongs, 1, 500);
    }
}
