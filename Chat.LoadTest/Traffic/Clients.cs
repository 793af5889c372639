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

    public Task<ChatSocket> ConnectAsync(Route route, string token, CancellationToken stop) =>
        ChatSocket.ConnectAsync(Interlocked.Increment(ref _connections), route, token, stop);

    public async Task<ICommandLink> ConnectAsync(LinkKind transport, Route route, string token, CancellationToken stop) => transport switch
    {
        LinkKind.SignalR => await HubLink.ConnectAsync(Interlocked.Increment(ref _connections), route, token, stop),
        _ => new RawLink(await ConnectAsync(route, token, stop)),
    };
}

/// <summary>A user of the run.</summary>
internal sealed record User(string Id, string Token);
