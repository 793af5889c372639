using System.Runtime.InteropServices;

namespace Chat.LoadTest.Platform;

/// <summary>The signals that faults are made of.</summary>
internal enum ProcessSignal
{
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}

/// <summary>Sends signals; Linux numbers.</summary>
internal static class ProcessSignals
{
    /// <summary>False when there is no such process any more.</summary>
    public static bool Send(int pid, ProcessSignal signal) => kill(pid, (int)signal) == 0;

    /// <summary>To a process and its children: Postgres is one process per connection.</summary>
    public static void SendToTree(int pid, ProcessSignal signal)
    {
        // The parent first, so that a frozen one makes no more children, and a thawed one finds them as they were.
        Send(pid, signal);
        foreach (var child in ProcessTree.ChildrenOf(pid)) Send(child, signal);
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int pid, int signal);
}
