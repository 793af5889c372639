using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace Chat.LoadTest.Wire;

/// <summary>
/// One WebSocket as thousands of clients of a load need it, over the bare socket: no allocation for a frame that comes, no timer, and a count of the bytes.
/// It shares the machine with the servers that it measures, so what it costs would be taken for theirs. One reader, any number of senders.
/// </summary>
internal sealed class LightSocket : IDisposable
{
    private const int FirstBufferBytes = 4 * 1024;
    private const int MaxHandshakeBytes = 16 * 1024;
    private const byte Continuation = 0x0, Text = 0x1, Close = 0x8, Ping = 0x9, Pong = 0xA, Final = 0x80, Masked = 0x80;
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(8);
    // Frames of clients are small and few: a socket that takes none for so long is lost.
    private static readonly TimeSpan SendPatience = TimeSpan.FromSeconds(4);

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, SendTimeout = (int)SendPatience.TotalMilliseconds };
    private readonly Lock _sending = new();
    private readonly Route _route;
    private byte[] _buffer = new byte[FirstBufferBytes];
    private int _start;
    private int _end;
    private byte[] _outgoing = new byte[512];
    private ArrayBufferWriter<byte>? _fragments;
    private long _received;
    private long _sent;

    private LightSocket(Route route) => _route = route;

    /// <summary>Bytes of the connection so far, handshake and frame heads included; what TCP and IP add is not.</summary>
    public long Bytes => Volatile.Read(ref _received) + Volatile.Read(ref _sent);

    public static async Task<LightSocket> ConnectAsync(Route route, string token, CancellationToken stop)
    {
        var link = new LightSocket(route);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(ConnectPatience);
        try
        {
            await link.ShakeHandsAsync(token, patience.Token);
            return link;
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException && !stop.IsCancellationRequested)
        {
            link.Dispose();
            throw new LinkLostException($"{route.Name} cannot be reached", failure);
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    /// <summary>Sends a text frame. It blocks only while the socket takes nothing more.</summary>
    public void Send(ReadOnlySpan<byte> text) => SendFrame(Text, text);

    /// <summary>The next text; null when the server closed. What it returns is overwritten by the next call.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync()
    {
        while (true)
        {
            if (TakeFrame(out var opcode, out var isFinal, out var payload))
            {
                switch (opcode)
                {
                    case Text or Continuation when isFinal && _fragments is null:
                        return payload;
                    case Text or Continuation:
                        if (Joined(payload, isFinal) is { } whole) return whole;
                        break;
                    case Ping:
                        SendFrame(Pong, payload.Span);
                        break;
                    case Close:
                        return null;
                }
                continue;
            }
            MakeRoom();
            if (!await FillAsync(CancellationToken.None)) return null;
        }
    }

    public void Abort() => _socket.Dispose();

    public void Dispose() => _socket.Dispose();

    private async Task ShakeHandsAsync(string token, CancellationToken stop)
    {
        await _socket.ConnectAsync(await EndPointAsync(_route.Address, stop), stop);
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        var request = Encoding.ASCII.GetBytes(
            $"GET /ws HTTP/1.1\r\nHost: {_route.Address.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + $"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: chat.v1\r\nAuthorization: Bearer {token}\r\n\r\n");
        await _socket.SendAsync(request.AsMemory(), stop);
        _sent += request.Length;
        while (true)
        {
            var length = _buffer.AsSpan(0, _end).IndexOf("\r\n\r\n"u8);
            if (length >= 0)
            {
                var head = Encoding.ASCII.GetString(_buffer, 0, length);
                if (!head.StartsWith("HTTP/1.1 101", StringComparison.Ordinal)) throw new LinkLostException($"{_route.Name} refused the connection: {head.Split('\r')[0]}");
                _start = length + 4;
                return;
            }
            MakeRoom();
            if (_end > MaxHandshakeBytes || !await FillAsync(stop)) throw new LinkLostException($"{_route.Name} gave no handshake");
        }
    }

    private static async Task<IPEndPoint> EndPointAsync(Uri address, CancellationToken stop) =>
        new(IPAddress.TryParse(address.Host, out var ip) ? ip : (await Dns.GetHostAddressesAsync(address.Host, AddressFamily.InterNetwork, stop))[0], address.Port);

    private bool TakeFrame(out byte opcode, out bool isFinal, out ReadOnlyMemory<byte> payload)
    {
        (opcode, isFinal, payload) = (0, false, default);
        var bytes = _buffer.AsSpan(_start.._end);
        if (bytes.Length < 2) return false;
        var (head, length) = (2, (long)(bytes[1] & 0x7F));
        if (length == 126)
        {
            if (bytes.Length < 4) return false;
            (head, length) = (4, BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
        }
        else if (length == 127)
        {
            if (bytes.Length < 10) return false;
            (head, length) = (10, BinaryPrimitives.ReadInt64BigEndian(bytes[2..]));
        }
        if (length is < 0 or > ChatSocket.MaxFrameBytes) throw new LinkLostException($"{_route.Name} sent a frame of {length} bytes");
        if (bytes.Length < head + length) return false;
        (opcode, isFinal) = ((byte)(bytes[0] & 0x0F), (bytes[0] & Final) != 0);
        payload = _buffer.AsMemory(_start + head, (int)length);
        _start += head + (int)length;
        return true;
    }

    private ReadOnlyMemory<byte>? Joined(ReadOnlyMemory<byte> part, bool isFinal)
    {
        _fragments ??= new ArrayBufferWriter<byte>();
        if (_fragments.WrittenCount + part.Length > ChatSocket.MaxFrameBytes) throw new LinkLostException($"{_route.Name} sent a message of over {ChatSocket.MaxFrameBytes} bytes");
        _fragments.Write(part.Span);
        if (!isFinal) return null;
        var whole = _fragments.WrittenMemory;
        _fragments = null;
        return whole;
    }

    /// <summary>What was read is dropped, and the buffer grows only for a frame that does not fit into it.</summary>
    private void MakeRoom()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }
        if (_end == _buffer.Length) Array.Resize(ref _buffer, 2 * _buffer.Length);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> FillAsync(CancellationToken stop)
    {
        try
        {
            var count = await _socket.ReceiveAsync(_buffer.AsMemory(_end), SocketFlags.None, stop);
            _end += count;
            Volatile.Write(ref _received, _received + count);
            return count > 0;
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            throw new LinkLostException($"{_route.Name} was lost", failure);
        }
    }

    private void SendFrame(byte opcode, ReadOnlySpan<byte> payload)
    {
        try
        {
            lock (_sending)
            {
                if (_outgoing.Length < payload.Length + 14) _outgoing = new byte[payload.Length + 14];
                var length = Encode(_outgoing, opcode, payload);
                for (var sent = 0; sent < length;) sent += _socket.Send(_outgoing.AsSpan(sent, length - sent));
                Volatile.Write(ref _sent, _sent + length);
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            Abort();
            throw new LinkLostException($"{_route.Name} took no frame", failure);
        }
    }

    private static int Encode(Span<byte> frame, byte opcode, ReadOnlySpan<byte> payload)
    {
        frame[0] = (byte)(Final | opcode);
        int head;
        if (payload.Length < 126) (frame[1], head) = ((byte)(Masked | payload.Length), 2);
        else if (payload.Length <= ushort.MaxValue)
        {
            frame[1] = Masked | 126;
            BinaryPrimitives.WriteUInt16BigEndian(frame[2..], (ushort)payload.Length);
            head = 4;
        }
        else
        {
            frame[1] = Masked | 127;
            BinaryPrimitives.WriteInt64BigEndian(frame[2..], payload.Length);
            head = 10;
        }
        var mask = frame.Slice(head, 4);
        BinaryPrimitives.WriteUInt32LittleEndian(mask, (uint)Random.Shared.Next());
        var body = frame[(head + 4)..];
        for (var i = 0; i < payload.Length; i++) body[i] = (byte)(payload[i] ^ mask[i & 3]);
        return head + 4 + payload.Length;
    }
}
