using System.Diagnostics;

namespace Chat.LocalHosting.Processes;

/// <summary>One line that a child printed, cut at <see cref="LineReader.MaxLineChars"/>.</summary>
public readonly record struct OutputLine(string Text, bool IsError);

/// <summary>A started child. <see cref="Exited"/> completes as soon as the process itself is gone, whatever its own children hold open.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ChildCommand _command;
    private readonly TaskCompletionSource<int> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ChildProcess(Process process, ChildCommand command)
    {
        _process = process;
        _command = command;
    }

    public int Pid { get; private set; }

    public DateTimeOffset StartedAt { get; } = DateTimeOffset.UtcNow;

    /// <summary>Completes with the exit code; 128 + signal when a signal ended it.</summary>
    public Task<int> Exited => _exited.Task;

    /// <summary>Completes when everything that the child printed has been handed on.</summary>
    public Task OutputEnded { get; private set; } = Task.CompletedTask;

    internal static ChildProcess Start(Process process, ChildCommand command, Action<OutputLine> onLine)
    {
        var child = new ChildProcess(process, command);
        process.Exited += (_, _) => child._exited.TrySetResult(process.ExitCode);
        process.Start();
        child.Pid = process.Id;
        // Nothing is ever written to it: a child that reads its input sees the end at once.
        process.StandardInput.Close();
        child.OutputEnded = Task.WhenAll(
            LineReader.ReadAsync(process.StandardOutput, text => onLine(new OutputLine(text, IsError: false))),
            LineReader.ReadAsync(process.StandardError, text => onLine(new OutputLine(text, IsError: true))));
        return child;
    }

    public void Send(Signal signal)
    {
        if (!Exited.IsCompleted)
            Posix.Send(Pid, signal);
    }

    /// <summary>Asks the child to end, kills it after its stop time-out, and returns when it is gone.</summary>
    public async Task<int> StopAsync()
    {
        Send(_command.StopSignal);
        try
        {
            return await Exited.WaitAsync(_command.StopTimeout);
        }
        catch (TimeoutException)
        {
            return await KillAsync();
        }
    }

    public Task<int> KillAsync()
    {
        Send(Signal.Kill);
        return Exited;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
    }
}
