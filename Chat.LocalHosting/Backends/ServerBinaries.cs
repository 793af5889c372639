namespace Chat.LocalHosting.Backends;

/// <summary>Finds the distribution's server programs, on PATH or where Debian keeps them.</summary>
internal static class ServerBinaries
{
    private const string DebianPostgres = "/usr/lib/postgresql";

    /// <summary>The folder of <c>postgres</c> and <c>initdb</c>. A cluster can only be run by its own major version.</summary>
    public static string PostgresFolder(string? majorVersion)
    {
        var versions = Directory.Exists(DebianPostgres)
            ? Directory.EnumerateDirectories(DebianPostgres)
                .Where(folder => File.Exists(Path.Combine(folder, "bin", "postgres")))
                .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), out var version) ? version : 0)
                .ToArray()
            : [];
        if (majorVersion is null)
            return versions.Length > 0 ? Path.Combine(versions[0], "bin") : OnPath("postgres", "postgresql");

        var match = versions.FirstOrDefault(folder => Path.GetFileName(folder) == majorVersion);
        return match is not null ? Path.Combine(match, "bin") : OnPath("postgres", $"postgresql-{majorVersion}");
    }

    public static string Redis() => Path.Combine(OnPath("redis-server", "redis-server"), "redis-server");

    private static string OnPath(string program, string package)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return Array.Find(folders, folder => File.Exists(Path.Combine(folder, program)))
            ?? throw new FileNotFoundException($"'{program}' is not installed. On Debian and Ubuntu: apt-get install {package}.");
    }
}
