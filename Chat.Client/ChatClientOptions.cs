using System.Net.WebSockets;
using Microsoft.AspNetCore.Http.Connections.Client;
using Microsoft.Extensions.Logging;

namespace Chat.Client;

/// <summary>How a <see cref="ChatConnection"/> reaches the platform.</summary>
public enum ChatTransport
{
    /// <summary>The WebSocket <c>/ws</c>: the least work on both sides.</summary>
    WebSocket,
    /// <summary>
    /// The SignalR hub <c>/hubs/chat</c>, which falls back to server-sent events or long polling where a network lets no WebSocket through.
    /// </summary>
    SignalR,
}

/// <summary>How <see cref="ChatTransport.SignalR"/> writes its messages.</summary>
public enum ChatHubProtocol
{
    /// <summary>As text.</summary>
    Json,
    /// <summary>As MessagePack: binary, and somewhat smaller. What is promised is the same.</summary>
    MessagePack,
}

/// <summary>Settings of a <see cref="ChatConnection"/>. The defaults suit an interactive client; only the first two must be given.</summary>
public sealed class ChatClientOptions
{
    /// <summary>Origin of the platform (the gateway, or any node), e.g. <c>https://chat.example.org</c>; <c>/ws</c> is appended.</summary>
    public required Uri BaseAddress { get; init; }

    /// <summary>
    /// Gives a valid access token, refreshed where that is needed; asked before each handshake and before the session expires.
    /// Null means that nobody is signed in: the connection closes with <see cref="ClosedReason.SignedOut"/>, and so it does when the
    /// server refuses a token and the provider gives the same one again. A <see cref="Contracts.ChatException"/> with
    /// <c>unauthorized</c> counts as null; any other exception counts as a failed attempt and is tried again.
    /// </summary>
    public required Func<CancellationToken, Task<string?>> AccessTokenProvider { get; init; }

    /// <summary>Told of a token that the server refused, before the provider is asked again: a provider that caches drops it here.</summary>
    public Action<string>? AccessTokenRefused { get; init; }

    /// <summary>Clock and timers.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where the connection logs what it does; nothing is logged when left out. Tokens and contents are never logged.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>Upper bound of the first random delay between attempts; it doubles with each further attempt up to <see cref="ReconnectCap"/>.</summary>
    public TimeSpan ReconnectBase { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Longest delay between two attempts.</summary>
    public TimeSpan ReconnectCap { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a handshake, <c>welcome</c> included, may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a command waits for a connection and its reply before <c>unavailable</c>. An unanswered message is repeated after this time.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Interval of the WebSocket pings that find a dead network.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a ping may stay unanswered before the connection is given up and made anew.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Messages that may wait in the outbox, over all rooms; a send beyond it fails at once with <c>unavailable</c>.</summary>
    public int MaxPendingSends { get; init; } = 1_000;

    /// <summary>Events that may wait for the event handlers. Beyond it the socket is not read, so that the server's own bound takes over.</summary>
    public int MaxQueuedEvents { get; init; } = 10_000;

    /// <summary>How the platform is reached; what is promised is the same.</summary>
    public ChatTransport Transport { get; init; } = ChatTransport.WebSocket;

    /// <summary>With <see cref="ChatTransport.SignalR"/>: the protocol of the hub.</summary>
    public ChatHubProtocol HubProtocol { get; init; } = ChatHubProtocol.Json;

    /// <summary>Further settings of the WebSocket, e.g. a proxy or a certificate check; with SignalR too, where that uses one.</summary>
    public Action<ClientWebSocketOptions>? ConfigureSocket { get; init; }

    /// <summary>Further settings of <see cref="ChatTransport.SignalR"/>, e.g. which of its transports are tried.</summary>
    public Action<HttpConnectionOptions>? ConfigureSignalR { get; init; }
}
