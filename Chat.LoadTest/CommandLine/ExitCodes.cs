namespace Chat.LoadTest.CommandLine;

/// <summary>What the process says at its end.</summary>
internal static class ExitCodes
{
    public const int Success = 0;
    /// <summary>A promise of the platform was broken.</summary>
    public const int Violation = 1;
    /// <summary>The command line is wrong, or the run could not be done: nothing is said about the platform.</summary>
    public const int NotRun = 2;
}
