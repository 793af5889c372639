namespace Chat.LocalHosting.Processes;

/// <summary>Finds the account that a server runs as when the engine itself is root (Postgres refuses root, and Redis needs no such rights).</summary>
internal static class ServiceAccount
{
    private const string AccountsFile = "/etc/passwd";

    /// <summary>Null when this process is not root: then the server runs as the same user.</summary>
    public static string? For(string preferred)
    {
        if (!Posix.IsRoot)
            return null;

        var names = File.ReadLines(AccountsFile).Select(line => line.Split(':')[0]).ToHashSet();
        if (names.Contains(preferred))
            return preferred;
        return names.Contains("nobody")
            ? "nobody"
            : throw new InvalidOperationException($"Running as root needs an account '{preferred}' for the server; there is none in {AccountsFile}.");
    }
}
