using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.LocalKafka.Apis;
using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Server;
using Chat.LocalKafka.Topics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.LocalKafka;

/// <summary>
/// A Kafka broker for one machine: the real protocol over a durable log, without replication. Disposing stops it cleanly;
/// stopping it in any other way loses nothing that was acknowledged.
/// </summary>
public sealed partial class KafkaBroker : IAsyncDisposable
{
    private readonly DataDirectoryLock _lock;
    private readonly Flusher _flusher;
    private readonly TopicRegistry _topics;
    private readonly GroupCoordinator _groups;
    private readonly Listener _listener;
    private readonly RetentionLoop _retention;
    private readonly ILogger _log;

    private KafkaBroker(KafkaBrokerOptions options, DataDirectoryLock directoryLock, Socket socket, TimeProvider time, ILogger log)
    {
        _lock = directoryLock;
        _log = log;
        _flusher = new Flusher(options.FlushThreads);
        _topics = new TopicRegistry(options.Data, options, _flusher, time, log);
        _groups = new GroupCoordinator(options.Data, options, _flusher, time);
        var endpoint = (IPEndPoint)socket.LocalEndPoint!;
        var cluster = new ClusterInfo(ReadClusterId(options.Data), options.AdvertisedHost ?? options.Host, options.AdvertisedPort ?? endpoint.Port);
        Endpoint = $"{cluster.Host}:{cluster.Port}";
        _listener = new Listener(socket, options, CreateDispatcher(options, cluster, time), time, log);
        _retention = new RetentionLoop(_topics, _groups, options.RetentionCheckInterval, time, log);
    }

    /// <summary>host:port, the bootstrap server for clients.</summary>
    public string Endpoint { get; }

    /// <summary>Opens the data directory and listens. Throws <see cref="ArgumentException"/> for bad options and
    /// <see cref="DataDirectoryInUseException"/> when another broker has the directory.</summary>
    public static Task<KafkaBroker> StartAsync(KafkaBrokerOptions options, ILogger? log = null, TimeProvider? time = null) => Task.Run(() =>
    {
        if (string.Join(' ', options.FindFaults()) is { Length: > 0 } faults)
            throw new ArgumentException(faults, nameof(options));
        options = options with { Data = Path.GetFullPath(options.Data) };
        Directory.CreateDirectory(options.Data);
        var directoryLock = DataDirectoryLock.Take(options.Data);
        Socket? socket = null;
        try
        {
            // Bound first: a taken port should not cost a recovery. Clients that come early wait in the backlog.
            socket = Listener.Bind(options.Host, options.Port);
            var broker = new KafkaBroker(options, directoryLock, socket, time ?? TimeProvider.System, log ?? NullLogger.Instance);
            broker._listener.Start();
            Log.Started(broker._log, broker.Endpoint, options.Data);
            return broker;
        }
        catch
        {
            socket?.Dispose();
            directoryLock.Dispose();
            throw;
        }
    });

    public async ValueTask DisposeAsync()
    {
        await _retention.DisposeAsync();
        await _listener.DisposeAsync();
        _groups.Dispose();
        _topics.Dispose();
        _flusher.Dispose();
        _lock.Dispose();
        Log.Stopped(_log, Endpoint);
    }

    private RequestDispatcher CreateDispatcher(KafkaBrokerOptions options, ClusterInfo cluster, TimeProvider time)
    {
        RequestDispatcher? dispatcher = null;
        dispatcher = new RequestDispatcher(
        [
            new ApiVersionsApi(() => dispatcher!.Apis),
            new MetadataApi(cluster, _topics, options),
            new ProduceApi(_topics, time),
            new FetchApi(_topics, new MemoryBudget(options.FetchMemoryBytes), options, time),
            new ListOffsetsApi(_topics),
            new InitProducerIdApi(new ProducerIds(options.Data)),
            new FindCoordinatorApi(cluster),
            new JoinGroupApi(_groups),
            new SyncGroupApi(_groups),
            new HeartbeatApi(_groups),
            new LeaveGroupApi(_groups),
            new OffsetCommitApi(_groups, _topics, time),
            new OffsetFetchApi(_groups),
            new DescribeGroupsApi(_groups),
            new ListGroupsApi(_groups),
            new DeleteGroupsApi(_groups),
            new OffsetDeleteApi(_groups, _topics),
            new CreateTopicsApi(_topics, options),
            new DeleteTopicsApi(_topics, _groups),
            new CreatePartitionsApi(_topics),
            new DeleteRecordsApi(_topics),
            new OffsetForLeaderEpochApi(_topics),
            new DescribeClusterApi(cluster),
            new DescribeConfigsApi(_topics, options),
            new AlterConfigsApi(new TopicConfigurator(_topics)),
            new IncrementalAlterConfigsApi(new TopicConfigurator(_topics)),
        ]);
        return dispatcher;
    }

    /// <summary>The cluster's name: made once, so that clients notice when they talk to another one.</summary>
    private static string ReadClusterId(string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, "cluster-id");
        if (!File.Exists(path))
            Durable.Replace(path, Encoding.ASCII.GetBytes(Convert.ToBase64String(Guid.NewGuid().ToByteArray()).TrimEnd('=').Replace('+', '-').Replace('/', '_')));
        return File.ReadAllText(path);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Listening on {Endpoint}, data in {Data}. One machine: what is on its disk is all there is.")]
        public static partial void Started(ILogger logger, string endpoint, string data);

        [LoggerMessage(2, LogLevel.Information, "Stopped {Endpoint}.")]
        public static partial void Stopped(ILogger logger, string endpoint);
    }
}
