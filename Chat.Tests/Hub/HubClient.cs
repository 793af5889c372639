using System.Text.Json;
using System.Threading.Channels;
using Chat.Tests.Realtime;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Hub;

/// <summary>The framework's own hub client, in either protocol; what comes is looked at as JSON.</summary>
public sealed class HubClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Channel<JsonElement> _events = Channel.CreateUnbounded<JsonElement>();
    private readonly TaskCompletionSource<Exception?> _closed = new();
    private readonly bool _messagePack;

    private HubClient(HubConnection connection, bool messagePack)
    {
        (Connection, _messagePack) = (connection, messagePack);
        if (messagePack) connection.On<object>("event", envelope => _events.Writer.TryWrite(AsJson(envelope)));
        else connection.On<JsonElement>("event", envelope => _events.Writer.TryWrite(envelope.Clone()));
        connection.Closed += failure =>
        {
            _closed.TrySetResult(failure);
            return Task.CompletedTask;
        };
    }

    public HubConnection Connection { get; }

    public static async Task<HubClient> OpenAsync(
        Uri node, string token, bool messagePack = false, HttpTransportType transports = HttpTransportType.WebSockets, string? origin = null)
    {
        var builder = new HubConnectionBuilder().WithUrl(new Uri(node, "/hubs/chat"), options =>
        {
            options.AccessTokenProvider = () => Task.FromResult<string?>(token);
            options.Transports = transports;
            if (origin is not null) options.Headers["Origin"] = origin;
        });
        if (messagePack) builder.AddMessagePackProtocol();
        var client = new HubClient(builder.Build(), messagePack);
        await client.Connection.StartAsync().WaitAsync(Patience);
        return client;
    }

    /// <summary>Calls a hub method with a dictionary of fields.</summary>
    public async Task<JsonElement> CallAsync(string method, params (string Name, object? Value)[] fields)
    {
        var argument = fields.ToDictionary(field => field.Name, field => field.Value);
        return _messagePack
            ? AsJson(await Connection.InvokeAsync<object>(method, argument).WaitAsync(Patience))
            : await Connection.InvokeAsync<JsonElement>(method, argument).WaitAsync(Patience);
    }

    /// <summary>The next event of a type; others before it are dropped.</summary>
    public async Task<JsonElement> NextAsync(string eventType)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (true)
        {
            var next = await _events.Reader.ReadAsync(deadline.Token);
            if (next.GetProperty("event_type").GetString() == eventType) return next;
        }
    }

    /// <summary>Completes when the server has closed the connection, with what it said.</summary>
    public Task<Exception?> ClosedAsync() => _closed.Task.WaitAsync(Patience);

    public ValueTask DisposeAsync() => Connection.DisposeAsync();

    private static JsonElement AsJson(object? value) => JsonSerializer.SerializeToElement(Plain(value));

    private static object? Plain(object? value) => value switch
    {
        IDictionary<object, object> map => map.ToDictionary(pair => (string)pair.Key, pair => Plain(pair.Value)),
        object[] array => array.Select(Plain).ToArray(),
        _ => value,
    };
}
