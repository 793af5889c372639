using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Chat.Contracts;
using Chat.Realtime;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Realtime.Transport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Benchmarks;

/// <summary>One event to a room of 1,000 on loopback sockets, whose other ends a thread of its own reads. An operation is one delivery.</summary>
[MemoryDiagnoser]
public class FanOutBenchmarks
{
    private const int Members = 1_000;

    private readonly List<Socket> _sockets = [];
    private readonly List<Connection> _connections = [];
    private readonly EncodedEvents _events = new(new NumberedEvent(4_711, 0, JsonSerializer.SerializeToUtf8Bytes(Samples.Event, ChatJson.Wire.ChatEvent)));
    private ServiceProvider? _services;
    private NodeMetrics? _metrics;
    private EventLoop? _loop;

    [GlobalSetup]
    public void Connect()
    {
        _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        _metrics = new NodeMetrics(_services.GetRequiredService<IMeterFactory>());
        _loop = new EventLoop(NullLogger<EventLoop>.Instance);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        for (var i = 0; i < Members; i++)
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = true };
            client.Connect(listener.LocalEndPoint!);
            var server = listener.Accept();
            _sockets.AddRange([client, server]);
            var connection = new Connection(Guid.NewGuid(), new ConnectedUser("ann", "ann", null, false, null, DateTimeOffset.MaxValue));
            connection.Attach(new Writer(_loop, (int)server.Handle, _metrics));
            _connections.Add(connection);
            var fd = (int)client.Handle;
            _loop.Post(() => _loop.Watch(fd, new Sink(_loop, fd), Libc.In));
        }
    }

    [GlobalCleanup]
    public void Disconnect()
    {
        foreach (var connection in _connections) connection.Detach();
        _loop?.Dispose();
        foreach (var socket in _sockets) socket.Dispose();
        _metrics?.Dispose();
        _services?.Dispose();
    }

    [Benchmark(OperationsPerInvoke = Members)]
    [AllocatesAtMost(0)]
    public void Deliver()
    {
        foreach (var connection in _connections) connection.TrySend(_events);
    }

    /// <summary>Only sends.</summary>
    private sealed class Writer(EventLoop loop, int fd, NodeMetrics metrics) : DirectSocket(loop, fd, metrics, TimeProvider.System)
    {
        public override void OnReady(uint events)
        {
        }

        public override void OnFailed()
        {
        }
    }

    /// <summary>Reads what arrives, and forgets it.</summary>
    private sealed class Sink(EventLoop loop, int fd) : LoopHandler
    {
        public override void OnReady(uint events) => Libc.Receive(fd, loop.Buffer);

        public override void OnFailed()
        {
        }
    }
}
