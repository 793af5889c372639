using System.Threading.Channels;
using Chat.Contracts;
using Chat.Realtime.Publishing;
using Chat.ServiceDefaults.Kafka;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Log;

/// <summary>
/// The node's producer to <see cref="LogTopics.Events"/>. An event counts as logged only when every in-sync replica has it; a time-out means that the
/// outcome is unknown, never that it failed. While Kafka cannot be reached, events are refused at once instead of being queued.
/// </summary>
internal sealed partial class EventLog : BackgroundService
{
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(3);

    private readonly string _servers;
    private readonly LogOptions _options;
    private readonly LogGate _gate;
    private readonly TimeProvider _time;
    private readonly ILogger<EventLog> _logger;
    // Troubles that the keeper looks at; one is remembered, since it asks the brokers and not the message.
    private readonly Channel<bool> _troubles = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private volatile IProducer<string, byte[]>? _producer;
    private volatile bool _fatal;
    private volatile string? _trouble = "not connected yet";

    public EventLog(IConfiguration configuration, IOptions<LogOptions> options, TimeProvider time, ILogger<EventLog> logger)
    {
        _servers = configuration.GetConnectionString("kafka")
            ?? throw new InvalidOperationException("ConnectionStrings:kafka is missing: give the bootstrap servers of a Kafka cluster, e.g. 127.0.0.1:9092.");
        _options = options.Value;
        _gate = new LogGate(_options.MaxWaitingEvents, _options.MaxWaitingBytes);
        _time = time;
        _logger = logger;
    }

    /// <summary>What keeps events from being logged; null when nothing does.</summary>
    public string? Trouble => _trouble;

    /// <summary>
    /// Hands an event to the log and returns at once; <paramref name="completed"/> is called with true when it is durable, in the order of the calls for one
    /// room, or with false when that is unknown. Throws <see cref="ChatException"/> <c>unavailable</c> when it was not handed in.
    /// </summary>
    public void Append(Publication publication, Action<bool> completed)
    {
        if (_producer is not { } producer || _trouble is not null) throw Unavailable("The log cannot be reached now.");
        var bytes = publication.Body.Length;
        if (!_gate.TryEnter(bytes)) throw Unavailable("Too many events wait for the log.");
        try
        {
            producer.Produce(LogRecords.PartitionOf(publication), LogRecords.ToMessage(publication), report =>
            {
                _gate.Leave(bytes);
                if (report.Error.IsError) Note(report.Error);
                completed(!report.Error.IsError);
            });
        }
        // Thrown at once, e.g. when the producer's own queue is full, or when it was replaced a moment ago.
        catch (Exception e) when (e is KafkaException or ObjectDisposedException)
        {
            _gate.Leave(bytes);
            if (e is KafkaException kafka) Note(kafka.Error);
            throw Unavailable("The log takes no events now.");
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await LogTopicSetup.EnsureAsync(_servers, _logger, stoppingToken);
            while (true)
            {
                _fatal = false;
                _producer = Build();
                _trouble = null;
                Log.Connected(_logger, _servers);
                while (!_fatal)
                {
                    await _troubles.Reader.ReadAsync(stoppingToken);
                    if (!_fatal) await ProbeAsync(stoppingToken);
                }
                await ReplaceAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_producer is not { } producer) return;
        _producer = null;
        // What was handed in is confirmed before the process ends.
        await Task.Run(() => producer.Flush(FlushTimeout), CancellationToken.None);
        producer.Dispose();
    }

    private IProducer<string, byte[]> Build() =>
        new ProducerBuilder<string, byte[]>(new ProducerConfig
        {
            BootstrapServers = _servers,
            ClientId = "chat-realtime",
            Acks = Acks.All,
            EnableIdempotence = true,
            LingerMs = _options.LingerMs,
            MessageTimeoutMs = (int)_options.Timeout.TotalMilliseconds,
            RequestTimeoutMs = (int)_options.Timeout.TotalMilliseconds,
            SocketTimeoutMs = Math.Max(1_000, (int)_options.Timeout.TotalMilliseconds),
            SocketKeepaliveEnable = true,
            SocketNagleDisable = true,
            ReconnectBackoffMs = 50,
            ReconnectBackoffMaxMs = 1_000,
            RetryBackoffMs = 50,
            // Above the gate's bounds, so that the gate decides.
            QueueBufferingMaxMessages = _options.MaxWaitingEvents * 2,
            QueueBufferingMaxKbytes = (int)Math.Min(2_097_151, (_options.MaxWaitingBytes >> 10) * 2),
            // How long its thread waits for something to report, and its end at most for that thread: at rest it wakes twice a second instead of ten times.
            CancellationDelayMaxMs = 500,
            // The handler needs nothing of the record back.
            DeliveryReportFields = "none",
            AllowAutoCreateTopics = false,
        })
        .SetErrorHandler((_, error) => Note(error))
        .SetLogHandler((_, message) => Log.Library(_logger, message.Level <= SyslogLevel.Critical ? LogLevel.Warning : LogLevel.Debug, message.Message))
        .Build();

    /// <summary>What the client says of itself or of a record; a fatal error ends this producer.</summary>
    internal void Note(Error error)
    {
        if (error.IsFatal)
        {
            _trouble = $"the producer failed for good: {error.Reason}";
            _fatal = true;
        }
        _troubles.Writer.TryWrite(true);
    }

    // Asks a broker for the topic. Until the first answer fails, events are still taken: one lost connection is no outage.
    private async Task ProbeAsync(CancellationToken stoppingToken)
    {
        var pause = FirstPause;
        while (!_fatal)
        {
            try
            {
                await Task.Run(AskBroker, stoppingToken);
                if (_trouble is not null) Log.Connected(_logger, _servers);
                if (!_fatal) _trouble = null;
                return;
            }
            catch (KafkaException e)
            {
                if (_trouble is null) Log.Lost(_logger, _servers, e.Error.Reason);
                _trouble = e.Error.Reason;
            }
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), _time, stoppingToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private void AskBroker()
    {
        using var admin = new DependentAdminClientBuilder(_producer!.Handle).Build();
        admin.GetMetadata(LogTopics.Events, ProbeTimeout);
    }

    // An idempotent producer does not survive a fatal error: what it still holds is failed by it, and a new one begins.
    private async Task ReplaceAsync(CancellationToken stoppingToken)
    {
        Log.Fatal(_logger, _trouble ?? "unknown");
        var old = _producer!;
        _producer = null;
        await Task.Run(() => old.Flush(_options.Timeout + ProbeTimeout), stoppingToken);
        old.Dispose();
        await Task.Delay(LongestPause * (0.5 + Random.Shared.NextDouble()), _time, stoppingToken);
    }

    private static ChatException Unavailable(string message) => new(ErrorCodes.Unavailable, message, retryAfterMs: 1_000);

    private static partial class Log
    {
        [LoggerMessage(1060, LogLevel.Information, "The log at {Servers} takes events")]
        public static partial void Connected(ILogger logger, string servers);

        [LoggerMessage(1061, LogLevel.Warning, "The log at {Servers} cannot be reached, events are refused: {Reason}")]
        public static partial void Lost(ILogger logger, string servers, string reason);

        [LoggerMessage(1062, LogLevel.Error, "The producer failed for good and is made anew: {Reason}")]
        public static partial void Fatal(ILogger logger, string reason);

        [LoggerMessage(EventId = 1063, Message = "{Text}")]
        public static partial void Library(ILogger logger, LogLevel level, string text);
    }
}
