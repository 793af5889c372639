using Chat.LocalHosting.Engine;

namespace Aspire.Hosting.ApplicationModel;

public sealed class ExecuteCommandResult
{
    public required bool Success { get; init; }

    public string? ErrorMessage { get; init; }
}

/// <summary>Starts, stops and restarts processes by hand.</summary>
public sealed class ResourceCommandService
{
    private readonly LocalEngine _engine;

    internal ResourceCommandService(LocalEngine engine) => _engine = engine;

    /// <param name="resourceId">A process (<c>realtime-1</c>) or a resource with all its processes.</param>
    /// <param name="commandName">One of <see cref="KnownResourceCommands"/>.</param>
    public async Task<ExecuteCommandResult> ExecuteCommandAsync(
        string resourceId, string commandName, CancellationToken cancellationToken = default)
    {
        var replicas = _engine.Replicas
            .Where(replica => replica.Name.Equals(resourceId, StringComparison.OrdinalIgnoreCase)
                || replica.Resource.Name.Equals(resourceId, StringComparison.OrdinalIgnoreCase))
            .ToArray();
        if (replicas.Length == 0)
            return new ExecuteCommandResult { Success = false, ErrorMessage = $"There is no resource '{resourceId}'." };
        if (ReplicaCommands.Parse(commandName) is not { } command)
            return new ExecuteCommandResult { Success = false, ErrorMessage = $"There is no command '{commandName}'." };

        await Task.WhenAll(replicas.Select(replica => replica.ExecuteAsync(command, cancellationToken)));
        return new ExecuteCommandResult { Success = true };
    }

    public Task<ExecuteCommandResult> ExecuteCommandAsync(
        IResource resource, string commandName, CancellationToken cancellationToken = default) =>
        ExecuteCommandAsync(resource.Name, commandName, cancellationToken);
}
