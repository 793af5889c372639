using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Chat.Contracts;
using MessagePack;
using MessagePack.Resolvers;
using Microsoft.AspNetCore.Http.Connections.Client;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.AspNetCore.SignalR.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chat.Client.Connecting;

/// <summary>
/// The SignalR hub. Results of its methods and its events become the frames that the WebSocket would bring. SignalR reads on whatever
/// the reader does, so what waits for the reader is bounded here: beyond it the connection ends, and the next one resumes.
/// </summary>
internal sealed class SignalRTransport : ChatSocket
{
    /// <summary>The only method that the server calls.</summary>
    internal const string Event = "event";

    // Like the server's own bound for a connection that is read too slowly: some thousand events.
    private const int MaxWaitingFrames = 10_000;
    private static readonly MessagePackSerializerOptions MessagePack = MessagePackSerializerOptions.Standard
        .WithResolver(CompositeResolver.Create([new JsonElementFormatter()], [StandardResolver.Instance]))
        .WithSecurity(MessagePackSecurity.UntrustedData);
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    private readonly HubConnection _hub;
    private readonly Channel<ReadOnlyMemory<byte>> _frames = Channel.CreateBounded<ReadOnlyMemory<byte>>(new BoundedChannelOptions(MaxWaitingFrames) { SingleReader = true });
    private readonly ConcurrentDictionary<long, Task> _calls = new(); // bounded by the requests of the link: only what wants a reply is a call
    private readonly TaskCompletionSource _readEnd = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _allHandled = new(TaskCreationOptions.RunContinuationsAsynchronously); // after the close, every event that was read has been handled
    private long _unhandled; // events that were read and are not handled, and one for the open connection
    private long _lastCall;
    private volatile HubClose _close = new(null, null);

    private SignalRTransport(Func<Action, HubConnection> build)
    {
        _unhandled = 1;
        _hub = build(() => Interlocked.Increment(ref _unhandled));
        _hub.On<JsonElement>(Event, envelope =>
        {
            Post(JsonSerializer.SerializeToUtf8Bytes(envelope, ChatJson.Wire.JsonElement));
            Handled();
        });
        _hub.Closed += OnClosedAsync;
    }

    public override int? CloseCode => _close.Code;

    public override string? CloseText => _close.Text;

    public static new async Task<ChatSocket> ConnectAsync(ChatClientOptions options, string token, CancellationToken cancellationToken)
    {
        TimeSpan? retryAfter = null;
        var builder = new HubConnectionBuilder().WithUrl(AddressOf(options.BaseAddress, "/hubs/chat").Uri, http => Configure(http, options, token, seen => retryAfter = seen));
        var transport = new SignalRTransport(onInvocation =>
        {
            builder.Services.AddSingleton<IHubProtocol>(new CountedProtocol(ProtocolOf(options), onInvocation));
            return builder.Build();
        });
        transport._hub.KeepAliveInterval = options.KeepAliveInterval;
        try
        {
            await transport._hub.StartAsync(cancellationToken);
            return transport;
        }
        catch (Exception e)
        {
            await transport.DisposeAsync();
            if (e is HttpRequestException failure) throw new HandshakeException((int?)failure.StatusCode ?? 0, retryAfter, failure.Message, failure);
            throw;
        }
    }

    public override async Task SendAsync(ClientCommand command, CancellationToken cancellationToken)
    {
        if (_hub.State != HubConnectionState.Connected) throw new ConnectionLostException();
        if (command.Id is { } id)
        {
            // Returns when the call is under way: its result comes as a frame.
            var number = Interlocked.Increment(ref _lastCall);
            var call = CallAsync(command, id);
            _calls[number] = call;
            _ = call.ContinueWith(_ => _calls.TryRemove(number, out var _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return;
        }
        try
        {
            await _hub.SendCoreAsync(HubFrames.MethodOf(command), [HubFrames.ArgumentOf(command)], cancellationToken);
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested) // of whatever kind SignalR reports a lost connection as
        {
            throw new ConnectionLostException();
        }
    }

    public override async ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _frames.Reader.ReadAsync(cancellationToken);
        }
        catch (Exception e) when (e is ChannelClosedException or OperationCanceledException)
        {
            _readEnd.TrySetResult();
            return null;
        }
    }

    public override async Task CloseAsync()
    {
        using var deadline = new CancellationTokenSource(CloseTimeout);
        try
        {
            await _hub.StopAsync(deadline.Token);
            await _readEnd.Task.WaitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            Abort();
        }
    }

    // The reader sees the end at once; the server hears of it as soon as the network takes it.
    public override void Abort()
    {
        _frames.Writer.TryComplete();
        _ = StopAsync();
    }

    /// <summary>Lets go of the connection; the calls under way end with it.</summary>
    public override async ValueTask DisposeAsync()
    {
        _frames.Writer.TryComplete();
        await _hub.DisposeAsync();
        await Task.WhenAll(_calls.Values);
    }

    private static void Configure(HttpConnectionOptions http, ChatClientOptions options, string token, Action<TimeSpan?> onRefusal)
    {
        http.AccessTokenProvider = () => Task.FromResult<string?>(token);
        http.CloseTimeout = CloseTimeout;
        http.WebSocketConfiguration = socket =>
        {
            // SignalR's own pings say that the server lives, but only every 20 s; and a server may be quick to write and never read.
            socket.KeepAliveInterval = options.KeepAliveInterval;
            socket.KeepAliveTimeout = options.KeepAliveTimeout;
            options.ConfigureSocket?.Invoke(socket);
        };
        options.ConfigureSignalR?.Invoke(http);
        var outer = http.HttpMessageHandlerFactory;
        http.HttpMessageHandlerFactory = handler => new RetryAfterReader(outer?.Invoke(handler) ?? handler, onRefusal);
    }

    /// <summary>One call of a hub method, to its end; never throws.</summary>
    private async Task CallAsync(ClientCommand command, JsonElement id)
    {
        try
        {
            Post(HubFrames.Ack(id, await _hub.InvokeCoreAsync<JsonElement>(HubFrames.MethodOf(command), [HubFrames.ArgumentOf(command)])));
        }
        catch (HubException e) when (!HubClose.IsClose(e.Message))
        {
            Post(HubFrames.Error(id, e.Message));
        }
        catch (Exception) // of whatever kind SignalR reports a lost connection as
        {
            // Whoever waits for the reply is told with the end of the connection. That comes from the hub, which fails its calls before it says
            // how the server closed; a hub that goes on in spite of the failure is stopped.
            await StopAsync();
        }
    }

    private void Post(ReadOnlyMemory<byte> frame)
    {
        if (!_frames.Writer.TryWrite(frame)) Abort(); // read too slowly: the next connection resumes
    }

    private async Task OnClosedAsync(Exception? why)
    {
        _close = HubClose.Of(why?.Message);
        Handled();
        // They are handled within microseconds. Whatever becomes of one, the end is not held up by it for long.
        await Task.WhenAny(_allHandled.Task, Task.Delay(CloseTimeout));
        _frames.Writer.TryComplete();
    }

    private void Handled()
    {
        if (Interlocked.Decrement(ref _unhandled) == 0) _allHandled.TrySetResult();
    }

    private static IHubProtocol ProtocolOf(ChatClientOptions options) => options.HubProtocol == ChatHubProtocol.MessagePack
        ? new MessagePackHubProtocol(Options.Create(new MessagePackHubProtocolOptions { SerializerOptions = MessagePack }))
        : new JsonHubProtocol();

    /// <summary>Ends the hub, if it has not ended; never throws.</summary>
    private async Task StopAsync()
    {
        try
        {
            await _hub.StopAsync(CancellationToken.None);
        }
        catch (Exception) // of whatever kind: the connection is gone, or is being disposed
        {
            _frames.Writer.TryComplete();
        }
    }

    /// <summary>Notes what a refusal of the handshake says of when to come back: SignalR's exception does not carry it.</summary>
    private sealed class RetryAfterReader(HttpMessageHandler inner, Action<TimeSpan?> onRefusal) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            if (!response.IsSuccessStatusCode) onRefusal(HandshakeException.Bounded(response.Headers.RetryAfter?.Delta));
            return response;
        }
    }
}
