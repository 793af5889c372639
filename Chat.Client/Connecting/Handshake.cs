using System.Text.Json;
using Chat.Contracts;

namespace Chat.Client.Connecting;

/// <summary>One attempt: token, WebSocket handshake, <c>welcome</c>. A refused token is refreshed once; refused again, nobody is signed in.</summary>
internal sealed class Handshake(ChatClientOptions options)
{
    private const int Unauthorized = 401;
    private static readonly LinkEnd SignedOut = new("Nobody is signed in.", Closed: ClosedReason.SignedOut);
    private static readonly LinkEnd Refused = new("The server refuses the access token.", Closed: ClosedReason.SignedOut);

    public async Task<Attempt> ConnectAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(options.ConnectTimeout, options.TimeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            string? refused = null;
            while (true)
            {
                var token = await options.AccessTokenProvider(either.Token).WaitAsync(either.Token); // a provider may not look at its token
                if (token is null) return new Attempt(SignedOut);
                if (token == refused) return new Attempt(Refused);
                try
                {
                    return await ConnectAsync(token, either.Token);
                }
                catch (HandshakeException e) when (e.Status == Unauthorized)
                {
                    options.AccessTokenRefused?.Invoke(token);
                    if (refused is not null) return new Attempt(Refused);
                    refused = token;
                }
            }
        }
        catch (HandshakeException e)
        {
            return new Attempt(LinkEnd.Of(e));
        }
        catch (ChatException e) when (e.Code == ErrorCodes.Unauthorized)
        {
            return new Attempt(SignedOut);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new Attempt(new LinkEnd($"The server did not answer within {options.ConnectTimeout.TotalSeconds:0.#} s."));
        }
    }

    private async Task<Attempt> ConnectAsync(string token, CancellationToken cancellationToken)
    {
        var socket = await ChatSocket.ConnectAsync(options, token, cancellationToken);
        try
        {
            var first = await socket.ReceiveAsync(cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            if (first is { } text && JsonSerializer.Deserialize(text.Span, ChatJson.Wire.ChatEvent) is { EventType: EventTypes.Welcome } welcome)
                return new Attempt(socket, new ChatLink(socket, welcome, token));
            var end = first is null ? LinkEnd.Of(socket.CloseCode, socket.CloseText) : new LinkEnd("The server did not begin with a welcome.");
            await socket.DisposeAsync();
            return new Attempt(end);
        }
        catch
        {
            await socket.DisposeAsync();
            throw;
        }
    }
}

/// <summary>What came of one attempt: a connection, or why there is none.</summary>
internal readonly record struct Attempt(ChatSocket? Socket, ChatLink? Link, LinkEnd? End)
{
    public Attempt(LinkEnd end) : this(null, null, end)
    {
    }

    public Attempt(ChatSocket socket, ChatLink link) : this(socket, link, null)
    {
    }
}
