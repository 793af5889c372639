using BenchmarkDotNet.Attributes;
using Chat.Realtime.Commands;
using Chat.Realtime.Transport;

namespace Chat.Benchmarks;

/// <summary>From the bytes of a socket to a command.</summary>
[MemoryDiagnoser]
public class ReceiveBenchmarks
{
    private static readonly byte[] Frame = Samples.MaskedFrame(Samples.Command);

    private readonly FrameReader _reader = new();
    private readonly byte[] _received = new byte[Frame.Length];

    /// <summary>Header, unmasking, UTF-8 check; with the copy that stands for the kernel's.</summary>
    [Benchmark]
    [AllocatesAtMost(0)]
    public void ReadFrame()
    {
        Frame.CopyTo(_received, 0);
        Span<byte> bytes = _received;
        if (!_reader.TryRead(ref bytes, out var frame) || frame.Kind != IncomingKind.Text) throw new InvalidOperationException("The frame is not read.");
    }

    /// <summary>What stays is the command's own: four texts and the id.</summary>
    [Benchmark]
    [AllocatesAtMost(600)]
    public void ParseCommand()
    {
        if (!CommandParser.TryParse(Samples.Command, out _, out _, out _)) throw new InvalidOperationException("The command is not read.");
    }
}
