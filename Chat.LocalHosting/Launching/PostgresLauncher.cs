using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Backends;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Launching;

/// <summary>Runs Postgres and makes the model's databases as soon as it answers.</summary>
internal sealed class PostgresLauncher(PostgresServerResource postgres, string dataDirectory, ProcessStarter starter) : Launcher
{
    private PostgresServer? _server;

    public override string Type => "postgres";

    public override async Task<ChildCommand> PrepareAsync(int replica, CancellationToken cancellationToken)
    {
        _server ??= new PostgresServer(
            dataDirectory, postgres.PrimaryEndpoint.ListeningPort, await postgres.PasswordParameter.GetValueAsync(cancellationToken) ?? "");
        await _server.InitializeAsync(starter, cancellationToken);
        await _server.ClearLeftoversAsync(cancellationToken);
        return _server.Command;
    }

    public override Task<bool> IsHealthyAsync(int replica, CancellationToken cancellationToken) => _server!.IsReadyAsync(cancellationToken);

    public override async Task OnReadyAsync(CancellationToken cancellationToken)
    {
        foreach (var database in postgres.Databases.Values)
            await _server!.EnsureDatabaseAsync(database, cancellationToken);
    }
}
