using Chat.Contracts;
using Microsoft.AspNetCore.Http.Features;

namespace Chat.Realtime.Connections;

/// <summary>
/// Wraps the stream under a WebSocket and notes when bytes arrive. The framework answers pings and takes pongs without telling anyone, yet a
/// pong is what proves that a quiet client is alive. It also ends a stream with unmasked frames, which the framework would take.
/// </summary>
internal sealed class HeardStream(Stream inner) : Stream
{
    private Connection? _connection;
    private FrameMarks _marks;
    private bool _refused;

    public void Watch(Connection connection) => _connection = connection;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            if (read == 0) return 0;
            _connection?.Heard();
            if (_refused) continue; // only the end of the stream matters now, and the connection's clock makes it come
            var masked = _marks.CountMasked(buffer.Span[..read]);
            if (masked == read) return read;
            _refused = true;
            _connection?.Close(CloseCodes.ProtocolError, "unmasked frame");
            if (masked > 0) return masked;
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => inner.WriteAsync(buffer, offset, count, cancellationToken);
    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);
    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);
    public override void Flush() => inner.Flush();
    public override bool CanRead => true;
    public override bool CanWrite => true;
    public override bool CanSeek => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }

    public override ValueTask DisposeAsync() => inner.DisposeAsync();
}

/// <summary>Puts a <see cref="HeardStream"/> between the server's upgrade and the framework's WebSocket.</summary>
internal sealed class HeardUpgrade(IHttpUpgradeFeature inner) : IHttpUpgradeFeature
{
    public HeardStream? Stream { get; private set; }

    public bool IsUpgradableRequest => inner.IsUpgradableRequest;

    public async Task<Stream> UpgradeAsync() => Stream = new HeardStream(await inner.UpgradeAsync());
}
