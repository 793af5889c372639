namespace Chat.LoadTest.CommandLine;

/// <summary>The run cannot be done as it was asked for; the message says what to change.</summary>
internal sealed class UsageException(string message) : Exception(message);
