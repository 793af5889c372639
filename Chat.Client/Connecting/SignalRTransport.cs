using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Chat.Contracts;
using Microsoft.AspNetCore.Http.Connections.Client;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;

namespace Chat.Client.Connecting;

/// <summary>
/// The SignalR hub. Results of its methods and its events become the frames that the WebSocket would bring. SignalR reads on whatever
/// the reader does, so what waits for the reader is bounded here: beyond it the connection ends, and the next one resumes.
/// </summary>
internal sealed class SignalRTransport : ChatSocket
{
    // Like the server's own bound for a connection that is read too slowly: some thousand events.
    private const int MaxWaitingFrames = 10_000;
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    private readonly HubConnection _hub;
    private readonly Channel<ReadOnlyMemory<byte>> _frames = Channel.CreateBounded<ReadOnlyMemory<byte>>(new BoundedChannelOptions(MaxWaitingFrames) { SingleReader = true });
    private readonly ConcurrentDictionary<long, Task> _calls = new(); // bounded by the requests of the link
    private readonly TaskCompletionSource _readEnd = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _lastCall;
    private volatile HubClose _close = new(null, null);

    private SignalRTransport(HubConnection hub)
    {
        _hub = hub;
        _hub.On<JsonElement>("event", envelope => Post(JsonSerializer.SerializeToUtf8Bytes(envelope, ChatJson.Wire.JsonElement)));
        _hub.Closed += OnClosed;
    }

    public override int? CloseCode => _close.Code;

    public override string? CloseText => _close.Text;

    public static new async Task<ChatSocket> ConnectAsync(ChatClientOptions options, string token, CancellationToken cancellationToken)
    {
        var hub = new HubConnectionBuilder().WithUrl(AddressOf(options.BaseAddress, "/hubs/chat").Uri, http => Configure(http, options, token)).Build();
        hub.KeepAliveInterval = options.KeepAliveInterval;
        var transport = new SignalRTransport(hub);
        try
        {
            await hub.StartAsync(cancellationToken);
            return transport;
        }
        catch (Exception e)
        {
            await transport.DisposeAsync();
            if (e is HttpRequestException failure) throw new HandshakeException((int?)failure.StatusCode ?? 0, retryAfter: null, failure.Message, failure);
            throw;
        }
    }

    // Returns when the call is under way: its result comes as a frame.
    public override Task SendAsync(ClientCommand command, CancellationToken cancellationToken)
    {
        if (_hub.State != HubConnectionState.Connected) throw new ConnectionLostException();
        var number = Interlocked.Increment(ref _lastCall);
        var call = CallAsync(command);
        _calls[number] = call;
        _ = call.ContinueWith(_ => _calls.TryRemove(number, out var _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return Task.CompletedTask;
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

    // The reader sees the end at once; the hub itself goes with the disposal.
    public override void Abort() => _frames.Writer.TryComplete();

    /// <summary>Lets go of the connection; the calls under way end with it.</summary>
    public override async ValueTask DisposeAsync()
    {
        Abort();
        await _hub.DisposeAsync();
        await Task.WhenAll(_calls.Values);
    }

    private static void Configure(HttpConnectionOptions http, ChatClientOptions options, string token)
    {
        http.AccessTokenProvider = () => Task.FromResult<string?>(token);
        http.CloseTimeout = CloseTimeout;
        http.WebSocketConfiguration = options.ConfigureSocket;
        options.ConfigureSignalR?.Invoke(http);
    }

    /// <summary>One call of a hub method, to its end; never throws.</summary>
    private async Task CallAsync(ClientCommand command)
    {
        try
        {
            var result = await _hub.InvokeCoreAsync<JsonElement>(HubFrames.MethodOf(command), [HubFrames.ArgumentOf(command)]);
            if (command.Id is { } id) Post(HubFrames.Ack(id, result));
        }
        catch (HubException e)
        {
            Post(HubFrames.Error(command.Id, e.Message));
        }
        catch (Exception) // of whatever kind SignalR reports a lost connection as
        {
            Abort(); // whoever waits for the reply is told with the end of the connection
        }
    }

    private void Post(ReadOnlyMemory<byte> frame)
    {
        if (!_frames.Writer.TryWrite(frame)) Abort(); // read too slowly: the next connection resumes
    }

    private Task OnClosed(Exception? why)
    {
        _close = HubClose.Of(why?.Message);
        Abort();
        return Task.CompletedTask;
    }
}
