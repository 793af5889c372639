using System.Collections.Concurrent;
using System.Diagnostics;

namespace Chat.LocalHosting.Processes;

/// <summary>
/// Starts children that never outlive this process: the kernel signals each of them when its parent dies, also after <c>kill -9</c>.
/// The kernel watches the <i>thread</i> that forked, not the process, so all children are forked by one thread
/// that lives until <see cref="Dispose"/>; disposing ends whatever still runs.
/// </summary>
public sealed class ProcessStarter : IDisposable
{
    // The shell checks that its parent still is this process: had it died before the guard was set, nobody would ever signal the child.
    private const string ParentCheck = "[ \"$PPID\" = \"$0\" ] && exec \"$@\"";

    private readonly BlockingCollection<Action> _starts = [];
    private readonly Thread _thread;

    public ProcessStarter()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "process starter" };
        _thread.Start();
    }

    /// <summary>Starts the command; <paramref name="onLine"/> gets its output line by line, from two readers at a time.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">The program cannot be started.</exception>
    public Task<ChildProcess> StartAsync(ChildCommand command, Action<OutputLine> onLine)
    {
        var started = new TaskCompletionSource<ChildProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
        _starts.Add(() =>
        {
            try
            {
                started.SetResult(Fork(command, onLine));
            }
            catch (Exception failure)
            {
                started.SetException(failure);
            }
        });
        return started.Task;
    }

    /// <summary>Runs a short command to its end and returns its exit code and what it printed.</summary>
    public async Task<(int ExitCode, string Output)> RunAsync(ChildCommand command, CancellationToken cancellationToken)
    {
        var lines = new ConcurrentQueue<string>();
        await using var child = await StartAsync(command, line => lines.Enqueue(line.Text));
        var exitCode = await child.Exited.WaitAsync(cancellationToken);
        await child.OutputEnded.WaitAsync(cancellationToken);
        return (exitCode, string.Join('\n', lines));
    }

    public void Dispose()
    {
        _starts.CompleteAdding();
        _thread.Join();
        _starts.Dispose();
    }

    private void Run()
    {
        foreach (var start in _starts.GetConsumingEnumerable())
            start();
    }

    private static ChildProcess Fork(ChildCommand command, Action<OutputLine> onLine)
    {
        var start = new ProcessStartInfo
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = command.WorkingDirectory,
        };
        foreach (var (name, value) in command.Environment)
            start.Environment[name] = value;

        string[] words = [.. Guard(command), command.FileName, .. command.Arguments];
        start.FileName = words[0];
        foreach (var argument in words.AsSpan(1))
            start.ArgumentList.Add(argument);

        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        try
        {
            return ChildProcess.Start(process, command, onLine);
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The words before the program. Each of them replaces itself by the next, so the child's pid is the program's.
    /// A session of its own keeps the terminal's Ctrl-C from the child: the engine alone decides the order in which things stop.
    /// </summary>
    private static IEnumerable<string> Guard(ChildCommand command)
    {
        if (!OperatingSystem.IsLinux())
            return [];

        string[] account = command.User is null
            ? []
            : [
                $"--reuid={command.User}", $"--regid={command.User}", "--clear-groups",
                // A data directory below a home directory of mode 700 is out of reach for another account without these two.
                "--inh-caps=+dac_override,+dac_read_search", "--ambient-caps=+dac_override,+dac_read_search",
            ];
        return
        [
            "setsid", "setpriv", $"--pdeathsig={Posix.NameOf(command.DeathSignal)}", .. account,
            "sh", "-c", ParentCheck, Environment.ProcessId.ToString(),
        ];
    }
}
