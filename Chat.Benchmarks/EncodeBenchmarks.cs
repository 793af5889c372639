using System.Text;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Realtime.Fanout;

namespace Chat.Benchmarks;

/// <summary>From an event to the bytes that the log and the receivers get. Once per event and node, whatever the number of receivers.</summary>
[MemoryDiagnoser]
public class EncodeBenchmarks
{
    private static readonly byte[] Body = JsonSerializer.SerializeToUtf8Bytes(Samples.Event, ChatJson.Wire.ChatEvent);
    private static readonly NumberedEvent Numbered = new(4_711, 0, Body);
    private static readonly byte[] Published = [.. Encoding.ASCII.GetBytes($"4711 0 0 {Body.Length}\n"), .. Body];

    /// <summary>The envelope as it stands in the log.</summary>
    [Benchmark]
    [AllocatesAtMost(600)]
    public void SerializeEnvelope() => JsonSerializer.SerializeToUtf8Bytes(Samples.Event, ChatJson.Wire.ChatEvent);

    /// <summary>What Redis publishes on the room's channel.</summary>
    [Benchmark]
    [AllocatesAtMost(100)]
    public void ParseRoomMessage() => RoomFrames.Parse(Published);

    /// <summary>The WebSocket frame, position and all.</summary>
    [Benchmark]
    [AllocatesAtMost(700)]
    public void EncodeFrame() => _ = new EncodedEvents(Numbered);
}
