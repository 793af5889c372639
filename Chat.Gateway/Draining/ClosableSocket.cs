namespace Chat.Gateway.Draining;

/// <summary>
/// The client's side of a proxied WebSocket. Bytes pass as they are, until it is asked to close: then, at the next end of a frame, the
/// client gets a close frame with 1012 and no byte of the target any more, while its own bytes (its answer to the close) still pass. So
/// both ends see an orderly close.
/// </summary>
internal sealed class ClosableSocket(Stream client) : Stream
{
    // FIN and opcode 8; 22 bytes: the code 1012 and its text.
    private static readonly byte[] ServiceRestart = [0x88, 22, 0x03, 0xF4, .. "the gateway restarts"u8];

    private readonly SemaphoreSlim _writing = new(1);
    private FrameBoundary _boundary;
    private bool _closeRequested;
    private bool _closed;

    public override bool CanRead => client.CanRead;

    public override bool CanWrite => client.CanWrite;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Closes with 1012, now or when the frame that is on its way has ended.</summary>
    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            _closeRequested = true;
            await CloseBetweenFramesAsync(cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            if (_closed) return;
            var passing = _boundary.Advance(buffer.Span, toFrameEnd: _closeRequested);
            await client.WriteAsync(buffer[..passing], cancellationToken);
            if (_closeRequested) await CloseBetweenFramesAsync(cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
    }

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            await client.FlushAsync(cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => client.ReadAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => throw new NotSupportedException("The proxy copies without blocking.");

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("The proxy copies without blocking.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("The proxy copies without blocking.");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override ValueTask DisposeAsync() => client.DisposeAsync();

    protected override void Dispose(bool disposing)
    {
        if (disposing) client.Dispose();
        base.Dispose(disposing);
    }

    private async Task CloseBetweenFramesAsync(CancellationToken cancellationToken)
    {
        if (_closed || !_boundary.IsBetweenFrames) return;
        _closed = true;
        // The target was faster: its close frame is the last word.
        if (_boundary.IsClosed) return;
        await client.WriteAsync(ServiceRestart, cancellationToken);
        await client.FlushAsync(cancellationToken);
    }
}
