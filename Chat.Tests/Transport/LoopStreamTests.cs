using System.Net;
using System.Net.Sockets;
using Chat.Realtime.Transport;
using Chat.Tests.People;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Tests.Transport;

/// <summary>A socket as a stream on the event loop: everything goes and comes whole, and whoever waits is told of the end.</summary>
public sealed class LoopStreamTests : IDisposable
{
    private readonly EventLoop _loop = new(NullLogger<EventLoop>.Instance);

    public void Dispose() => _loop.Dispose();

    [Fact]
    public async Task More_than_the_kernel_takes_at_once_is_written_whole()
    {
        var (stream, peer) = await ConnectAsync();
        using var _ = peer;
        var sent = new byte[16 << 20];
        Random.Shared.NextBytes(sent);

        var writing = stream.WriteAsync(sent).AsTask();
        var received = new byte[sent.Length];
        await using var reader = new NetworkStream(peer);
        await reader.ReadExactlyAsync(received).AsTask().WaitAsync(Until.Patience);

        await writing.WaitAsync(Until.Patience);
        Assert.Equal(sent, received);
    }

    [Fact]
    public async Task What_follows_a_read_runs_on_the_loop()
    {
        var (stream, peer) = await ConnectAsync();
        using var _ = peer;
        var followed = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        // Without the test's own context, which would take the continuation away; and it waits before anything comes.
        await Task.Run(() => stream.ReadAsync(new byte[10]).GetAwaiter().UnsafeOnCompleted(() => followed.SetResult(_loop.IsCurrent)));

        await peer.SendAsync("abc"u8.ToArray());

        Assert.True(await followed.Task.WaitAsync(Until.Patience));
    }

    [Fact]
    public async Task A_cancelled_read_takes_nothing_from_the_next_one()
    {
        var (stream, peer) = await ConnectAsync();
        using var _ = peer;
        using var cancelling = new CancellationTokenSource();
        var cancelled = stream.ReadAsync(new byte[10], cancelling.Token).AsTask();

        await cancelling.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WaitAsync(Until.Patience));
        await peer.SendAsync("abc"u8.ToArray());
        var bytes = new byte[10];
        Assert.Equal(3, await stream.ReadAsync(bytes).AsTask().WaitAsync(Until.Patience));
        Assert.Equal("abc"u8.ToArray(), bytes[..3]);
    }

    [Fact]
    public async Task The_end_of_the_peer_is_the_end_of_reading()
    {
        var (stream, peer) = await ConnectAsync();
        var reading = stream.ReadAsync(new byte[10]).AsTask();

        peer.Dispose();

        Assert.Equal(0, await reading.WaitAsync(Until.Patience));
        Assert.Equal(0, await stream.ReadAsync(new byte[10]).AsTask().WaitAsync(Until.Patience));
    }

    [Fact]
    public async Task Closing_it_ends_a_read_and_a_write_that_wait()
    {
        var (stream, peer) = await ConnectAsync();
        using var _ = peer;
        var (reading, writing) = (stream.ReadAsync(new byte[10]).AsTask(), stream.WriteAsync(new byte[64 << 20]).AsTask());

        await stream.DisposeAsync();

        Assert.Equal(0, await reading.WaitAsync(Until.Patience));
        await Assert.ThrowsAsync<IOException>(() => writing.WaitAsync(Until.Patience));
    }

    private async Task<(LoopStream Stream, Socket Peer)> ConnectAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var socket = await PlainConnect.OpenAsync(listener.LocalEndPoint!, Until.Patience, CancellationToken.None);
        return (new LoopStream(_loop, socket), await listener.AcceptAsync());
    }
}
