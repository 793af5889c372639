using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.LocalHosting.Backends;
using Chat.LocalHosting.Processes;
using Chat.Tests.People;

namespace Chat.Tests.Backends;

/// <summary>A Redis Cluster of three primaries, each with a third of the slots, as processes of the test's own that it may hurt.</summary>
public sealed class RedisCluster : IAsyncDisposable
{
    private const int Slots = 16_384;
    private const int Primaries = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<RedisClusterServer> _servers;

    private RedisCluster(List<RedisClusterServer> servers) => _servers = servers;

    /// <summary>The primaries in the order of their slots, then what was added.</summary>
    public IReadOnlyList<RedisClusterServer> Servers => _servers;

    public string ConnectionString => string.Join(',', _servers.Take(Primaries).Select(server => $"127.0.0.1:{server.Port}").Append(RedisClusterServer.Credentials));

    public static async Task<RedisCluster> StartAsync()
    {
        var cluster = new RedisCluster([]);
        try
        {
            cluster._servers.AddRange(await Task.WhenAll(Enumerable.Range(0, Primaries).Select(_ => TestServer.StartNewAsync<RedisClusterServer>())));
            for (var i = 0; i < Primaries; i++)
            {
                await cluster._servers[i].AskAsync("CLUSTER", "ADDSLOTSRANGE", FirstSlot(i), FirstSlot(i + 1) - 1);
                await cluster._servers[i].AskAsync("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
            }
            foreach (var server in cluster._servers.Skip(1)) await cluster._servers[0].MeetAsync(server);
            await cluster.WholeAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>A name, of a room or a user, whose keys lie on one of the first three servers.</summary>
    public static string NameOn(int shard, string prefix = "room")
    {
        while (true)
        {
            var name = $"{prefix}-{Guid.NewGuid().ToString("N")[..12]}";
            if (SlotOf(name) is var slot && slot >= FirstSlot(shard) && slot < FirstSlot(shard + 1)) return name;
        }
    }

    /// <summary>The slot of everything that has the name as its hash tag.</summary>
    public static int SlotOf(string name)
    {
        var crc = 0;
        foreach (var letter in name)
        {
            crc ^= letter << 8;
            for (var bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
        }
        return crc % Slots;
    }

    /// <summary>One more server without slots; with <paramref name="replicaOf"/> a replica that has all of its primary's data.</summary>
    public async Task<RedisClusterServer> AddAsync(RedisClusterServer? replicaOf = null)
    {
        var server = await TestServer.StartNewAsync<RedisClusterServer>();
        _servers.Add(server);
        await _servers[0].MeetAsync(server);
        await WholeAsync();
        if (replicaOf is null) return server;
        await server.AskAsync("CLUSTER", "REPLICATE", await replicaOf.IdAsync());
        await Until.TrueAsync(async () => (await server.AskAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal), "the replica in step", Patience);
        return server;
    }

    /// <summary>Gives a slot with its keys to another server, as <c>redis-cli --cluster reshard</c> does.</summary>
    public async Task MoveSlotAsync(int slot, RedisClusterServer from, RedisClusterServer to)
    {
        var (source, target) = (await from.IdAsync(), await to.IdAsync());
        await to.AskAsync("CLUSTER", "SETSLOT", slot, "IMPORTING", source);
        await from.AskAsync("CLUSTER", "SETSLOT", slot, "MIGRATING", target);
        while (RedisClusterServer.LinesOf(await from.AskAsync("CLUSTER", "GETKEYSINSLOT", slot, 100)) is { Length: > 0 } keys)
            await from.AskAsync(["MIGRATE", "127.0.0.1", to.Port, "\"\"", 0, 5_000, "AUTH", RedisClusterServer.Password, "KEYS", .. keys]);
        await to.AskAsync("CLUSTER", "SETSLOT", slot, "NODE", target);
        await from.AskAsync("CLUSTER", "SETSLOT", slot, "NODE", target);
    }

    /// <summary>Waits until every server that runs knows all others and finds every slot served.</summary>
    public Task WholeAsync() => Until.TrueAsync(async () =>
    {
        foreach (var server in _servers.Where(server => server.IsRunning))
        {
            var info = await server.AskAsync("CLUSTER", "INFO");
            if (!info.Contains("cluster_state:ok", StringComparison.Ordinal) || !info.Contains($"cluster_slots_ok:{Slots}", StringComparison.Ordinal)
                || !info.Contains($"cluster_known_nodes:{_servers.Count}\r", StringComparison.Ordinal)) return false;
        }
        return true;
    }, "a cluster that is whole", Patience);

    /// <summary>The first slot of a primary; of the one after the last, the end of the slots.</summary>
    public static int FirstSlot(int primary) => Slots * primary / Primaries;

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers) await server.DisposeAsync();
    }
}

/// <summary>One server of a cluster, with an append-only file.</summary>
public sealed class RedisClusterServer : TestServer
{
    public const string Password = "test-password";
    public const string Credentials = $"password={Password}";
    private const int NodeTimeoutMs = 2_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly RedisServer _server;
    private readonly int _busPort = LoopbackPort.Pick();

    public RedisClusterServer() => _server = new RedisServer(DataDirectory["redis"], Port, Password);

    public int Port { get; } = LoopbackPort.Pick();

    public bool IsRunning { get; private set; }

    /// <summary>Ends the process and takes its data, but not what it knows of the cluster: it comes back empty, with its slots.</summary>
    public async Task KillAndEmptyAsync()
    {
        await KillServerAsync();
        Directory.Delete(Path.Combine(DataDirectory["redis"], "appendonlydir"), recursive: true);
    }

    public async Task KillServerAsync()
    {
        IsRunning = false;
        await KillAsync();
    }

    /// <summary>
    /// Asks this server and no other, whatever slots it has, in the plain form of the protocol that a terminal would use: words without spaces. Answers its lines,
    /// those of an array one after the other.
    /// </summary>
    public async Task<string> AskAsync(params object[] words)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"AUTH {Password}\r\n{string.Join(' ', words)}\r\nQUIT\r\n"));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        var reply = await reader.ReadToEndAsync().WaitAsync(Patience);
        // Between the two OKs.
        reply = reply["+OK\r\n".Length..^"+OK\r\n".Length];
        return reply.StartsWith('-') ? throw new InvalidOperationException($"{string.Join(' ', words)}: {reply}") : reply;
    }

    public async Task<string> IdAsync() => LinesOf(await AskAsync("CLUSTER", "MYID"))[0];

    /// <summary>The strings of a reply.</summary>
    public static string[] LinesOf(string reply) => [.. reply.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] is not ('$' or '*'))];

    public Task MeetAsync(RedisClusterServer other) => AskAsync("CLUSTER", "MEET", "127.0.0.1", other.Port, other._busPort);

    protected override Task<ChildCommand> PrepareAsync(CancellationToken cancellationToken)
    {
        _server.Initialize();
        var command = _server.Command;
        return Task.FromResult(command with
        {
            Arguments =
            [
                .. command.Arguments, "--cluster-enabled", "yes", "--cluster-port", $"{_busPort}", "--cluster-node-timeout", $"{NodeTimeoutMs}",
                "--masterauth", Password, "--repl-diskless-sync-delay", "0",
            ],
        });
    }

    protected override async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        await _server.WaitUntilReadyAsync(cancellationToken);
        IsRunning = true;
    }
}
