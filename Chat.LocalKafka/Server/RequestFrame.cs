using System.Buffers;

namespace Chat.LocalKafka.Server;

/// <summary>The bytes of one request in a pooled buffer, and the memory budget that they take. Owned by one request at a time.</summary>
internal sealed class RequestFrame(byte[] buffer, int length, MemoryLease lease) : IDisposable
{
    private byte[]? _buffer = buffer;

    public Memory<byte> Memory => _buffer.AsMemory(0, length);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is not { } returned)
            return;
        ArrayPool<byte>.Shared.Return(returned);
        lease.Dispose();
    }
}
