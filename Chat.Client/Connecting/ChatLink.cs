using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Chat.Contracts;

namespace Chat.Client.Connecting;

/// <summary>
/// A connection after its <c>welcome</c>: commands with their replies. Every request ends: with its reply, or with
/// <see cref="ConnectionLostException"/> when the connection does.
/// </summary>
internal sealed class ChatLink(ChatSocket socket, ChatEvent welcome, string accessToken)
{
    // Far above what an interactive client has under way; a caller that does not wait for replies meets it.
    private const int MaxOutstanding = 4_096;

    private readonly ConcurrentDictionary<long, PendingReply> _pending = new();
    private long _lastId;
    private volatile bool _ended;

    public ChatEvent Welcome { get; } = welcome;

    /// <summary>The token that the server knows for this connection.</summary>
    public string AccessToken { get; set; } = accessToken;

    /// <summary>Sends a command and waits for its ack or error.</summary>
    /// <param name="command">The command; its id is set here.</param>
    /// <param name="onReply">Called on the reading task with the reply, before any later frame is looked at.</param>
    /// <param name="cancellationToken">Ends the wait; whether the command took effect is then unknown.</param>
    /// <exception cref="ConnectionLostException">The connection ended first.</exception>
    /// <exception cref="ChatException"><c>unavailable</c>: too many requests are under way.</exception>
    public async Task<ServerReply> RequestAsync(ClientCommand command, Action<ServerReply>? onReply, CancellationToken cancellationToken)
    {
        if (_pending.Count >= MaxOutstanding) throw new ChatException(ErrorCodes.Unavailable, "Too many commands are waiting for their reply.");
        var id = Interlocked.Increment(ref _lastId);
        var pending = new PendingReply(onReply);
        _pending[id] = pending;
        try
        {
            if (_ended) throw new ConnectionLostException();
            await SendAsync(command with { Id = JsonElement.Parse(id.ToString(CultureInfo.InvariantCulture)) }, cancellationToken);
            return await pending.Reply.WaitAsync(cancellationToken);
        }
        finally
        {
            _pending.TryRemove(id, out _);
        }
    }

    /// <summary>Sends a command without waiting for anything.</summary>
    /// <exception cref="ConnectionLostException">The connection has ended.</exception>
    public Task SendAsync(ClientCommand command, CancellationToken cancellationToken) =>
        socket.SendAsync(command, cancellationToken);

    /// <summary>Hands a reply to its request; a reply that nobody waits for any more is dropped.</summary>
    public void Complete(ServerReply reply)
    {
        if (reply.Id is { ValueKind: JsonValueKind.Number } id && id.TryGetInt64(out var number) && _pending.TryRemove(number, out var pending))
            pending.Complete(reply);
    }

    /// <summary>The connection has ended: all requests under way fail, and so does every later one.</summary>
    public void End()
    {
        _ended = true;
        foreach (var pending in _pending.Values) pending.Lose();
    }

    private sealed class PendingReply(Action<ServerReply>? onReply)
    {
        private readonly TaskCompletionSource<ServerReply> _reply = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<ServerReply> Reply => _reply.Task;

        /// <summary>A reply that cannot be used ends the connection: the request is then lost with it, and may be repeated on the next.</summary>
        public void Complete(ServerReply reply)
        {
            try
            {
                onReply?.Invoke(reply);
                _reply.TrySetResult(reply);
            }
            catch
            {
                Lose();
                throw;
            }
        }

        public void Lose()
        {
            _reply.TrySetException(new ConnectionLostException());
            _ = _reply.Task.Exception; // observed: the request may have ended otherwise
        }
    }
}
