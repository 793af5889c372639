using Chat.LoadTest.Recording;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>What all clients of a run share.</summary>
internal sealed class Clients(Recorder recorder, HttpCalls http, IReadOnlyList<Route> routes)
{
    private int _connections;

    public Recorder Recorder { get; } = recorder;

    public HttpCalls Http { get; } = http;

    public IReadOnlyList<Route> Routes { get; } = routes;

    public async Task<ChatSocket> ConnectAsync(Route route, string token, CancellationToken stop) =>
        await ChatSocket.ConnectAsync(Interlocked.Increment(ref _connections), route, token, stop);
}

/// <summary>A user of the run.</summary>
internal sealed record User(string Id, string Token);
