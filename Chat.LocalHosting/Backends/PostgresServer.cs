using Chat.LocalHosting.Processes;
using Npgsql;

namespace Chat.LocalHosting.Backends;

/// <summary>
/// The distribution's Postgres on a data directory of our own: loopback only, one superuser with a generated password, no Unix socket,
/// everything that durability rests on (fsync, full_page_writes, synchronous_commit) at its safe default.
/// It neither touches nor needs the cluster that the distribution may run as a service.
/// </summary>
public sealed class PostgresServer(string dataDirectory, int port, string password)
{
    private const string User = "postgres";
    private const int MaxConnections = 300;
    private static readonly TimeSpan LeftoverTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(100);

    private readonly string? _account = ServiceAccount.For("postgres");

    public string ConnectionString { get; } = $"Host=127.0.0.1;Port={port};Username={User};Password={password}";

    /// <summary>Runs the postmaster. SIGINT is Postgres' fast stop: clients are cut off, a checkpoint is written.</summary>
    public ChildCommand Command => new(
        Path.Combine(ServerBinaries.PostgresFolder(MajorVersion), "postgres"),
        "-D", dataDirectory,
        "-p", port.ToString(),
        "-c", "listen_addresses=127.0.0.1",
        "-c", "unix_socket_directories=",
        "-c", $"max_connections={MaxConnections}",
        // Compiling a plan costs more than our short queries take.
        "-c", "jit=off",
        "-c", "log_destination=stderr",
        "-c", "logging_collector=off")
    {
        User = _account,
        WorkingDirectory = "/",
        StopSignal = Signal.Interrupt,
        // Immediate stop: the postmaster takes its backends along; the next start recovers from the write-ahead log.
        DeathSignal = Signal.Quit,
    };

    private string? MajorVersion =>
        File.Exists(Path.Combine(dataDirectory, "PG_VERSION")) ? File.ReadAllText(Path.Combine(dataDirectory, "PG_VERSION")).Trim() : null;

    private string PidFile => Path.Combine(dataDirectory, "postmaster.pid");

    /// <summary>Makes the cluster where there is none yet. Nothing half-made is ever taken for a cluster.</summary>
    public async Task InitializeAsync(ProcessStarter starter, CancellationToken cancellationToken)
    {
        if (MajorVersion is not null)
            return;

        // initdb fills a directory beside the final one, which gets its name only when it is complete.
        var unfinished = dataDirectory + ".unfinished";
        if (Directory.Exists(unfinished))
            Directory.Delete(unfinished, recursive: true);
        Directory.CreateDirectory(Path.GetDirectoryName(dataDirectory)!);
        var passwordFile = dataDirectory + ".password";
        SecretFile.Write(passwordFile, password);
        try
        {
            var (exitCode, output) = await starter.RunAsync(
                new ChildCommand(
                    Path.Combine(ServerBinaries.PostgresFolder(null), "initdb"),
                    "-D", unfinished, "-U", User, $"--pwfile={passwordFile}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8")
                { User = _account },
                cancellationToken);
            if (exitCode != 0)
                throw new InvalidOperationException($"initdb could not make a Postgres cluster in {dataDirectory}: {output}");
        }
        finally
        {
            File.Delete(passwordFile);
        }
        Directory.Move(unfinished, dataDirectory);
    }

    /// <summary>
    /// Clears the way after a crash: waits for a postmaster of this directory that is just ending. A pid file whose number belongs
    /// to another program by now is removed, since Postgres would take that program for a running server; any other pid file
    /// is left to Postgres, which finds in it whether processes of the last server still use the cluster.
    /// </summary>
    public async Task ClearLeftoversAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(LeftoverTimeout);
        while (File.Exists(PidFile) && ReadPid() is > 0 and var pid && ReadCommandLine(pid) is { } commandLine)
        {
            if (!commandLine.Contains(dataDirectory))
            {
                File.Delete(PidFile);
                return;
            }
            await Task.Delay(ProbeInterval, deadline.Token);
        }
    }

    public async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await OpenAsync(cancellationToken);
            return true;
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            return false;
        }
    }

    public async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        while (!await IsReadyAsync(cancellationToken))
            await Task.Delay(ProbeInterval, cancellationToken);
    }

    /// <summary>Makes the database where there is none of that name and returns its connection string.</summary>
    public async Task<string> EnsureDatabaseAsync(string name, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(cancellationToken);
        await using var create = new NpgsqlCommand($"CREATE DATABASE \"{name.Replace("\"", "\"\"")}\"", connection);
        try
        {
            await create.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.DuplicateDatabase)
        {
            // It is there: what was asked for.
        }
        return $"{ConnectionString};Database={name}";
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        // No pool: a pooled connection would hold up a stop and outlive a restart.
        var connection = new NpgsqlConnection($"{ConnectionString};Database=postgres;Pooling=false;Timeout=2");
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private int ReadPid()
    {
        using var reader = new StreamReader(new FileStream(PidFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return int.TryParse(reader.ReadLine(), out var pid) ? pid : 0;
    }

    /// <summary>The words that a process was started with; null when there is no such process.</summary>
    private static string[]? ReadCommandLine(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Split('\0');
        }
        catch (IOException)
        {
            return null;
        }
    }
}
