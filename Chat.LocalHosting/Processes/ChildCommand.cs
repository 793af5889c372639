namespace Chat.LocalHosting.Processes;

/// <summary>What is needed to start one child: program, arguments, environment, user and the signals that end it.</summary>
public sealed record ChildCommand(string FileName, params IReadOnlyList<string> Arguments)
{
    /// <summary>Added to the inherited environment; null removes a variable.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    public string WorkingDirectory { get; init; } = "/";

    /// <summary>The account to run as; null = the account of this process.</summary>
    public string? User { get; init; }

    /// <summary>Asks the child to end by itself.</summary>
    public Signal StopSignal { get; init; } = Signal.Terminate;

    /// <summary>How long the child may take after <see cref="StopSignal"/> before it is killed.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>What the kernel sends the child when this process dies.</summary>
    public Signal DeathSignal { get; init; } = Signal.Kill;
}
