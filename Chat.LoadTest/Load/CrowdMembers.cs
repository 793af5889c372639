using Chat.LoadTest.Crowds;

namespace Chat.LoadTest.Load;

/// <summary>Members over WebSockets.</summary>
internal sealed class CrowdMembers(Crowd crowd) : IMembers
{
    private static readonly TimeSpan OpeningPatience = TimeSpan.FromMinutes(10);

    public Crowd Crowd { get; } = crowd;

    public long Bytes => Crowd.Clients.Sum(client => client.Bytes);

    public long Requests => Crowd.Clients.Sum(client => (long)client.Connections);

    public long Failures => Crowd.Clients.Sum(client => (long)client.Losses);

    public Task OpenAsync(Action<int> opened, CancellationToken stop) => Crowd.OpenAsync(Crowd.Clients, OpeningPatience, stop, opened);

    public void ThrowIfBroken() => Crowd.ThrowIfBroken();

    public ValueTask DisposeAsync() => Crowd.DisposeAsync();
}
