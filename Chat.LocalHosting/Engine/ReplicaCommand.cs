namespace Chat.LocalHosting.Engine;

/// <summary>What can be asked of a process by hand.</summary>
internal enum ReplicaCommand
{
    Start,
    Stop,
    Restart,
}

internal static class ReplicaCommands
{
    public static ReplicaCommand? Parse(string name) => name switch
    {
        "start" => ReplicaCommand.Start,
        "stop" => ReplicaCommand.Stop,
        "restart" => ReplicaCommand.Restart,
        _ => null,
    };
}
