using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Backends;

/// <summary>
/// The distribution's Redis on a data directory of our own: loopback only, with a password, and never evicting.
/// Everything it was told is in the append-only file before it answers, so killing the process loses nothing.
/// The disk is synced each second: only a power failure can take the last second, and the platform treats any restart
/// of Redis as a possible loss anyway; a sync per command would put the disk into the path of every message.
/// </summary>
public sealed class RedisServer(string dataDirectory, int port, string password)
{
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(2);

    private readonly string _binary = ServerBinaries.Redis();
    private readonly string? _account = ServiceAccount.For("redis");

    public string ConnectionString { get; } = $"127.0.0.1:{port},password={password}";

    public ChildCommand Command => new(_binary, ConfigurationFile) { User = _account, WorkingDirectory = "/" };

    // A file and not arguments: arguments, and so the password, can be read by everyone on the machine.
    private string ConfigurationFile => Path.Combine(dataDirectory, "redis.conf");

    public void Initialize()
    {
        Directory.CreateDirectory(dataDirectory);
        SecretFile.Write(ConfigurationFile, $"""
            bind 127.0.0.1
            port {port}
            protected-mode yes
            requirepass {password}
            dir "{dataDirectory}"
            daemonize no
            logfile ""
            appendonly yes
            appendfsync everysec
            save ""
            maxmemory-policy noeviction

            """);
    }

    /// <summary>True when the server has loaded its data and answers.</summary>
    public async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(ProbeTimeout);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
            var stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"AUTH {password}\r\nPING\r\nQUIT\r\n"), deadline.Token);
            using var reader = new StreamReader(stream, Encoding.ASCII);
            return (await reader.ReadToEndAsync(deadline.Token)).Contains("+PONG", StringComparison.Ordinal);
        }
        catch (Exception failure) when (failure is SocketException or IOException
            || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    public async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        while (!await IsReadyAsync(cancellationToken))
            await Task.Delay(ProbeInterval, cancellationToken);
    }
}
