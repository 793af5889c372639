using System.Net;
using System.Net.Sockets;
using Chat.Realtime.Transport;

namespace Chat.Tests.Transport;

/// <summary>Many sends with one call, on sockets of the kernel. Where the system has no io_uring there is nothing to test, and these say so by failing.</summary>
public sealed class SendRingTests : IDisposable
{
    private readonly List<Socket> _sockets = [];
    private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);

    public SendRingTests()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _sockets.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public void Each_socket_gets_its_own_bytes_whole_call_after_call()
    {
        var pairs = Enumerable.Range(0, SendRing.Capacity).Select(_ => Connect()).ToArray();
        var data = GC.AllocateArray<byte>(2 * SendRing.Capacity, pinned: true);
        for (var i = 0; i < data.Length; i++) data[i] = (byte)i;
        for (var round = 0; round < 5; round++)
        {
            var count = SendRing.Capacity - round; // so that the ring wraps at another place each time
            for (var i = 0; i < count; i++) Ring.Add((int)pairs[i].Server.Handle, data.AsSpan(i, i + 1));
            Ring.Submit();
            for (var i = 0; i < count; i++)
            {
                Assert.Equal(i + 1, Ring.SentOf(i));
                var received = new byte[i + 1];
                pairs[i].Client.ReceiveExactly(received);
                Assert.Equal(data[i..(2 * i + 1)], received);
            }
        }
    }

    [Fact]
    public void Of_a_full_socket_it_says_what_was_taken_and_then_that_nothing_is()
    {
        var (server, _) = Connect();
        var data = GC.AllocateArray<byte>(64 << 20, pinned: true);
        Assert.InRange(Send(server, data), 1, data.Length - 1);
        var last = 0;
        for (var i = 0; i < 1_000 && (last = Send(server, data)) > 0; i++) { }
        Assert.Equal(0, last);
    }

    [Fact]
    public void A_broken_socket_is_told_apart_from_a_full_one_and_does_not_disturb_the_others()
    {
        var (broken, _) = Connect();
        var (whole, client) = Connect();
        broken.Shutdown(SocketShutdown.Send);
        var data = GC.AllocateArray<byte>(10, pinned: true);
        Ring.Add((int)broken.Handle, data);
        Ring.Add((int)whole.Handle, data);
        Ring.Submit();
        Assert.Equal((-1, 10), (Ring.SentOf(0), Ring.SentOf(1)));
        client.ReceiveExactly(new byte[10]);
    }

    [Fact]
    public void A_call_for_nothing_is_none() => Ring.Submit();

    private static SendRing Ring => SendRing.OfThisThread!;

    private static int Send(Socket socket, byte[] data)
    {
        Ring.Add((int)socket.Handle, data);
        Ring.Submit();
        return Ring.SentOf(0);
    }

    private (Socket Server, Socket Client) Connect()
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        client.Connect(_listener.LocalEndPoint!);
        var server = _listener.Accept();
        _sockets.AddRange([client, server]);
        return (server, client);
    }
}

file static class Sockets
{
    public static void ReceiveExactly(this Socket socket, byte[] buffer)
    {
        for (var received = 0; received < buffer.Length;)
        {
            var count = socket.Receive(buffer.AsSpan(received));
            if (count == 0) throw new EndOfStreamException();
            received += count;
        }
    }
}
