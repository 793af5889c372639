using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Backends;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Launching;

internal sealed class RedisLauncher(RedisResource redis, string dataDirectory) : Launcher
{
    private RedisServer? _server;

    public override string Type => "redis";

    public override async Task<ChildCommand> PrepareAsync(int replica, CancellationToken cancellationToken)
    {
        _server ??= new RedisServer(
            dataDirectory, redis.PrimaryEndpoint.ListeningPort, await redis.PasswordParameter.GetValueAsync(cancellationToken) ?? "");
        _server.Initialize();
        return _server.Command;
    }

    public override Task<bool> IsHealthyAsync(int replica, CancellationToken cancellationToken) => _server!.IsReadyAsync(cancellationToken);
}
