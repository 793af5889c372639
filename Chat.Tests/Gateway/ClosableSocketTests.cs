using Chat.Gateway.Draining;

namespace Chat.Tests.Gateway;

/// <summary>Where the close frame of the gateway may stand in a stream of frames.</summary>
public sealed class ClosableSocketTests
{
    private static readonly byte[] CloseFrame = [0x88, 22, 0x03, 0xF4, .. "the gateway restarts"u8];

    private static readonly byte[] Short = [0x81, 2, (byte)'h', (byte)'i'];
    private static readonly byte[] Medium = [0x01, 126, 0x01, 0x00, .. new byte[256]];
    private static readonly byte[] Long = [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0, .. new byte[65536]];

    [Fact]
    public async Task Between_frames_the_close_is_written_at_once_and_nothing_follows_it()
    {
        var client = new MemoryStream();
        await using var socket = new ClosableSocket(client);

        await socket.WriteAsync(Short);
        await socket.CloseAsync(CancellationToken.None);
        await socket.WriteAsync(Short);
        await socket.CloseAsync(CancellationToken.None);

        Assert.Equal([.. Short, .. CloseFrame], client.ToArray());
    }

    [Fact]
    public async Task A_frame_that_is_on_its_way_is_finished_first_wherever_it_was_cut()
    {
        foreach (var frame in new[] { Short, Medium, Long })
        {
            for (var cut = 1; cut < frame.Length; cut += cut < 20 ? 1 : 20_000)
            {
                var client = new MemoryStream();
                await using var socket = new ClosableSocket(client);

                await socket.WriteAsync(frame.AsMemory(0, cut));
                await socket.CloseAsync(CancellationToken.None);
                Assert.Equal(cut, client.Length);
                // The rest of it and the beginning of the next one in one piece.
                await socket.WriteAsync((byte[])[.. frame[cut..], .. Short]);

                Assert.Equal([.. frame, .. CloseFrame], client.ToArray());
            }
        }
    }

    [Fact]
    public async Task The_targets_own_close_frame_is_the_last_word()
    {
        byte[] own = [0x88, 2, 0x03, 0xE8];
        var client = new MemoryStream();
        await using var socket = new ClosableSocket(client);

        await socket.WriteAsync((byte[])[.. Medium, .. own]);
        await socket.CloseAsync(CancellationToken.None);

        Assert.Equal([.. Medium, .. own], client.ToArray());
    }

    [Fact]
    public async Task Until_then_every_byte_passes_as_it_is()
    {
        byte[] all = [.. Short, .. Long, .. Medium, .. Short];
        var client = new MemoryStream();
        await using var socket = new ClosableSocket(client);

        for (var i = 0; i < all.Length; i += 777) await socket.WriteAsync(all.AsMemory(i, Math.Min(777, all.Length - i)));

        Assert.Equal(all, client.ToArray());
    }
}
