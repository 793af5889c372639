using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.Tests.Realtime;

namespace Chat.Tests.Transport;

/// <summary>A bare TCP connection to a node, so that a test decides about every byte.</summary>
internal sealed class RawConnection : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(25);
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[16_384];
    private int _at;
    private int _end;

    /// <summary>It was cut instead of ended.</summary>
    public bool WasReset { get; private set; }

    public static async Task<RawConnection> ConnectAsync(Uri address, int? receiveBuffer = null)
    {
        var connection = new RawConnection();
        if (receiveBuffer is { } bytes) connection._socket.ReceiveBufferSize = bytes;
        await connection._socket.ConnectAsync(IPAddress.Loopback, address.Port);
        return connection;
    }

    /// <summary>An upgraded connection whose welcome was read.</summary>
    public static async Task<RawConnection> OpenAsync(TestNode node, string user, int? receiveBuffer = null)
    {
        var connection = await ConnectAsync(node.Address, receiveBuffer);
        await connection.SendAsync(UpgradeOf(TestNode.Token(user)));
        Assert.StartsWith("HTTP/1.1 101 ", await connection.ReadHeadAsync());
        Assert.Contains("\"welcome\"", await connection.ReadTextAsync());
        return connection;
    }

    public static byte[] UpgradeOf(string token, string moreHeaders = "", string path = "/ws") => Encoding.ASCII.GetBytes(
        $"GET {path}?access_token={token} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{moreHeaders}\r\n");

    public async Task SendAsync(params byte[][] pieces)
    {
        foreach (var piece in pieces)
            for (var sent = 0; sent < piece.Length;) sent += await _socket.SendAsync(piece.AsMemory(sent)).AsTask().WaitAsync(Patience);
    }

    /// <summary>The head of an HTTP answer; what follows it stays.</summary>
    public async Task<string> ReadHeadAsync()
    {
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            head.Append((char)(await ReadByteAsync() ?? throw new EndOfStreamException($"The connection ended after: {head}")));
        return head.ToString();
    }

    /// <summary>Everything up to the end of the connection.</summary>
    public async Task<string> ReadToEndAsync()
    {
        var all = new StringBuilder();
        while (await ReadByteAsync() is { } value) all.Append((char)value);
        return all.ToString();
    }

    /// <summary>The next frame; null at the end of the connection.</summary>
    public async Task<(int Opcode, byte[] Payload)?> ReadFrameAsync()
    {
        if (await ReadByteAsync() is not { } first) return null;
        Assert.Equal(0x80, first & 0xF0); // final, nothing reserved
        var second = await NextByteAsync();
        Assert.True(second < 0x80, "A server masked a frame.");
        long length = second;
        if (second >= 126)
        {
            length = 0;
            for (var i = second == 126 ? 2 : 8; i > 0; i--) length = (length << 8) | await NextByteAsync();
        }
        var payload = new byte[length];
        for (var i = 0; i < payload.Length; i++) payload[i] = await NextByteAsync();
        return (first & 0x0F, payload);
    }

    public async Task<string> ReadTextAsync()
    {
        var frame = await ReadFrameAsync() ?? throw new EndOfStreamException("The connection ended instead of a text frame.");
        Assert.Equal(ClientFrame.TextOpcode, frame.Opcode);
        return Encoding.UTF8.GetString(frame.Payload);
    }

    /// <summary>Reads to the close frame and returns its code, then to the end of the connection. With <paramref name="endsFirst"/> this side ends when it has seen the close frame, else it waits for the node.</summary>
    public async Task<int> ReadCloseAsync(bool endsFirst = false)
    {
        while (await ReadFrameAsync() is { } frame)
        {
            if (frame.Opcode != ClientFrame.CloseOpcode) continue;
            var code = frame.Payload.Length == 0 ? 1005 : (frame.Payload[0] << 8) | frame.Payload[1];
            if (endsFirst) EndSending();
            Assert.Null(await ReadFrameAsync());
            return code;
        }
        throw new EndOfStreamException("The connection ended without a close frame.");
    }

    /// <summary>Asks for a sign of life and gets it, after whatever else comes.</summary>
    public async Task AssertAliveAsync()
    {
        await SendAsync(ClientFrame.Text("{\"event_type\":\"ping\",\"id\":\"alive\"}"));
        while (!(await ReadTextAsync()).Contains("\"alive\"", StringComparison.Ordinal)) { }
    }

    public void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    public void Dispose() => _socket.Dispose();

    private async ValueTask<byte> NextByteAsync() => await ReadByteAsync() ?? throw new EndOfStreamException("The connection ended inside a frame.");

    private async ValueTask<byte?> ReadByteAsync()
    {
        if (_at == _end)
        {
            try
            {
                (_at, _end) = (0, await _socket.ReceiveAsync(_buffer).WaitAsync(Patience));
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                WasReset = true;
                return null;
            }
            if (_end == 0) return null;
        }
        return _buffer[_at++];
    }
}
