using System.Buffers.Binary;
using System.Net.Sockets;

namespace Chat.Tests.LocalKafka;

/// <summary>One connection that sends what a test says, byte for byte.</summary>
internal sealed class RawClient : IDisposable
{
    /// <summary>Longer than this no call waits; one that may wait at the broker for longer is answered because of what happens there.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TcpClient _tcp = new() { NoDelay = true };
    private int _correlation;

    public static async Task<RawClient> ConnectAsync(string endpoint)
    {
        var client = new RawClient();
        var colon = endpoint.LastIndexOf(':');
        await client._tcp.ConnectAsync(endpoint[..colon], int.Parse(endpoint[(colon + 1)..])).WaitAsync(Patience);
        return client;
    }

    public void Dispose() => _tcp.Dispose();

    /// <summary>Sends a request with a proper header and returns a reader at the answer's body.</summary>
    public async Task<WireReader> CallAsync(short key, short version, Action<WireWriter> body, bool flexible = false)
    {
        await SendAsync(key, version, body, flexible);
        return await ReceiveAsync(flexible, headerTags: flexible && key != 18);
    }

    public async Task SendAsync(short key, short version, Action<WireWriter> body, bool flexible = false)
    {
        var header = new WireWriter().Int16(key).Int16(version).Int32(++_correlation).Text("raw");
        var writer = new WireWriter(flexible);
        writer.Tags();
        body(writer);
        await SendFrameAsync([.. header.ToArray(), .. writer.ToArray()]);
    }

    public async Task SendFrameAsync(byte[] frame)
    {
        var prefix = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(prefix, frame.Length);
        await SendBytesAsync([.. prefix, .. frame]);
    }

    public async Task SendBytesAsync(byte[] bytes) => await _tcp.GetStream().WriteAsync(bytes).AsTask().WaitAsync(Patience);

    public async Task<WireReader> ReceiveAsync(bool flexible = false, bool headerTags = false, int? correlation = null)
    {
        var prefix = new byte[4];
        await _tcp.GetStream().ReadExactlyAsync(prefix).AsTask().WaitAsync(Patience);
        var bytes = new byte[BinaryPrimitives.ReadInt32BigEndian(prefix)];
        await _tcp.GetStream().ReadExactlyAsync(bytes).AsTask().WaitAsync(Patience);
        var reader = new WireReader(bytes, flexible);
        Assert.Equal(correlation ?? _correlation, reader.Int32());
        if (headerTags)
            reader.Tags();
        return reader;
    }

    /// <summary>Whether the broker ends the connection without another byte.</summary>
    public async Task<bool> IsClosedAsync()
    {
        try
        {
            return await _tcp.GetStream().ReadAsync(new byte[1]).AsTask().WaitAsync(Patience) == 0;
        }
        catch (IOException)
        {
            return true; // Reset instead of an orderly end: unread bytes were in the socket.
        }
    }
}
