using System.Runtime.InteropServices;

namespace Chat.LocalHosting.Processes;

/// <summary>The POSIX signals that the engine sends.</summary>
public enum Signal
{
    Interrupt = 2,
    Quit = 3,
    Kill = 9,
    Terminate = 15,
}

/// <summary>The calls of the C library that .NET has no API for.</summary>
internal static class Posix
{
    public static bool IsRoot => !OperatingSystem.IsWindows() && geteuid() == 0;

    /// <summary>Sends a signal; false when there is no such process any more.</summary>
    public static bool Send(int pid, Signal signal) => kill(pid, (int)signal) == 0;

    /// <summary>The name that <c>setpriv --pdeathsig</c> knows the signal by.</summary>
    public static string NameOf(Signal signal) => signal switch
    {
        Signal.Interrupt => "INT",
        Signal.Quit => "QUIT",
        Signal.Kill => "KILL",
        Signal.Terminate => "TERM",
        _ => throw new ArgumentOutOfRangeException(nameof(signal), signal, null),
    };

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int pid, int signal);

    [DllImport("libc")]
    private static extern uint geteuid();
}
