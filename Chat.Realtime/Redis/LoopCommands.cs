using System.Net;
using Chat.Data;
using Chat.Realtime.Fanout;
using Chat.Realtime.Transport;
using StackExchange.Redis;

namespace Chat.Realtime.Redis;

/// <summary>
/// Commands of the hot path over connections of the node's own on its <see cref="EventLoop"/>: with the client library each reply takes three hand-overs from thread to thread, and on a busy
/// machine each of them waits for a core. The library stays in charge of where a room is, and does what a link cannot: TLS, the time until there is one, and a room that has moved.
/// </summary>
internal sealed partial class LoopCommands : IRedisCommands, IDisposable
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    // A connection that ended sooner than this counts as one more that failed.
    private static readonly TimeSpan Lasting = TimeSpan.FromSeconds(5);

    // Servers of a cluster come and go, each with an address of its own; beyond so many those without a connection are forgotten.
    private const int MaxHomes = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<EndPoint, Home> _homes = [];
    private readonly IConnectionMultiplexer _redis;
    private readonly LibraryCommands _library;
    private readonly ConfigurationOptions _options;
    private readonly EventLoop _loop;
    private readonly TimeProvider _time;
    private readonly ILogger<LoopCommands> _logger;
    private readonly CancellationTokenSource _stopping = new();

    public LoopCommands(IConfiguration configuration, IConnectionMultiplexer redis, EventLoop loop, TimeProvider time, ILogger<LoopCommands> logger)
    {
        (_redis, _library, _loop, _time, _logger) = (redis, new LibraryCommands(redis), loop, time, logger);
        _options = ConfigurationOptions.Parse(configuration.GetConnectionString(RedisSubscribers.ConnectionName) ?? "");
        RedisSubscribers.FailFast(_options);
    }

    public Task<RedisResult> RunAsync(RedisCommand command)
    {
        if (LinkOf(command.Keys[0], out var mayMove) is not { } link || link.TryRun(command) is not { } reply) return _library.RunAsync(command);
        return mayMove ? FollowAsync(command, reply) : reply;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_stopping.IsCancellationRequested) return;
            _stopping.Cancel();
            foreach (var home in _homes.Values) home.Link?.End("the node stops");
        }
    }

    // The library asks the cluster anew and goes there; a command that was sent on was not executed here.
    private async Task<RedisResult> FollowAsync(RedisCommand command, Task<RedisResult> reply)
    {
        try
        {
            return await reply;
        }
        catch (RedisServerException e) when (e.Message.StartsWith("MOVED ", StringComparison.Ordinal) || e.Message.StartsWith("ASK ", StringComparison.Ordinal))
        {
            return await _library.RunAsync(command);
        }
    }

    private CommandLink? LinkOf(string key, out bool mayMove)
    {
        mayMove = false;
        if (_options.Ssl) return null;
        IServer server;
        try
        {
            server = _redis.GetServer((RedisKey)key, flags: CommandFlags.DemandMaster);
        }
        catch (Exception e) when (e is InvalidOperationException or RedisException)
        {
            return null; // the library says what is the matter
        }
        mayMove = server.ServerType == ServerType.Cluster;
        lock (_gate)
        {
            if (!_homes.TryGetValue(server.EndPoint, out var home))
            {
                if (_homes.Count >= MaxHomes) ForgetTheGone();
                _homes.Add(server.EndPoint, home = new Home());
            }
            if (home.Link is null && !home.IsOpening && !_stopping.IsCancellationRequested)
            {
                home.IsOpening = true;
                _ = Task.Run(() => OpenAsync(server.EndPoint, home)); // never throws
            }
            return home.Link;
        }
    }

    // Under the lock.
    private void ForgetTheGone()
    {
        foreach (var (server, home) in _homes)
            if (home.Link is null && !home.IsOpening) _homes.Remove(server);
    }

    private async Task OpenAsync(EndPoint server, Home home)
    {
        try
        {
            var pause = home.Failures == 0 ? TimeSpan.Zero : ShortestPause * Math.Pow(2, Math.Min(home.Failures - 1, 10));
            if (pause > LongestPause) pause = LongestPause;
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble() / 2), _time, _stopping.Token);
            var link = new CommandLink(_loop, await PlainConnect.OpenAsync(server, TimeSpan.FromMilliseconds(_options.ConnectTimeout), _stopping.Token), server, _time, Over);
            try
            {
                await GreetAsync(link);
            }
            catch
            {
                link.End("it was not opened");
                throw;
            }
            lock (_gate)
            {
                (home.Link, home.IsOpening, home.OpenedAt) = (link, false, _time.GetTimestamp());
                if (home.Ended == link) home.Link = null; // it ended while it was greeted
            }
            if (_stopping.IsCancellationRequested) link.End("the node stops");
            Log.Opened(_logger, $"{server}");
        }
        catch (Exception e)
        {
            lock (_gate)
            {
                home.IsOpening = false;
                home.Failures++;
            }
            if (!_stopping.IsCancellationRequested) Log.NotOpened(_logger, $"{server}", e.Message);
        }
    }

    private void Over(CommandLink link, string reason)
    {
        lock (_gate)
        {
            if (!_homes.TryGetValue(link.Server, out var home)) return;
            home.Ended = link;
            if (home.Link != link) return;
            home.Link = null;
            home.Failures = _time.GetElapsedTime(home.OpenedAt) < Lasting ? home.Failures + 1 : 1;
        }
        if (!_stopping.IsCancellationRequested) Log.Lost(_logger, reason);
    }

    private async Task GreetAsync(CommandLink link)
    {
        if (_options.User is { Length: > 0 } user) await AskAsync("AUTH", [user, _options.Password ?? ""]);
        else if (_options.Password is { Length: > 0 } password) await AskAsync("AUTH", [password]);
        try
        {
            await AskAsync("CLIENT", ["SETNAME", "chat-realtime-commands"]);
        }
        catch (RedisServerException e) when (!e.Message.StartsWith("NOAUTH", StringComparison.Ordinal))
        {
            // Without its name the connection works as well.
        }
        if ((_options.DefaultDatabase ?? 0) != 0) await AskAsync("SELECT", [_options.DefaultDatabase]);

        async Task AskAsync(string command, RedisValue[] arguments) =>
            await (link.TryRun(new RedisCommand(command, arguments, [], [])) ?? throw new IOException("it has ended")).WaitAsync(_stopping.Token);
    }

    /// <summary>What is known of one server.</summary>
    private sealed class Home
    {
        public CommandLink? Link { get; set; }
        public CommandLink? Ended { get; set; }
        public bool IsOpening { get; set; }
        public long OpenedAt { get; set; }
        public int Failures { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(1095, LogLevel.Debug, "Commands go to Redis at {Server} directly")]
        public static partial void Opened(ILogger logger, string server);

        [LoggerMessage(1096, LogLevel.Warning, "No connection of the node's own to Redis at {Server}: {Reason}")]
        public static partial void NotOpened(ILogger logger, string server, string reason);

        [LoggerMessage(1097, LogLevel.Warning, "{Reason}")]
        public static partial void Lost(ILogger logger, string reason);
    }
}
