using Chat.Client;
using Chat.Contracts;
using Chat.Frontend.Shell;
using Chat.Frontend.Timeline;

namespace Chat.Frontend.Composer;

/// <summary>
/// Own messages of all rooms on their way. The browser keeps each text until <see cref="Done"/> names it: it is durable, refused for
/// good and taken back, or thrown away. So neither a lost circuit nor a reload loses or doubles a message; its client id stays the same.
/// </summary>
public sealed class Sender(Platform platform, Action<Action> post)
{
    private readonly Dictionary<string, Outbox> _outboxes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CancellationTokenSource> _sending = new(StringComparer.Ordinal);

    /// <summary>The browser may forget this text.</summary>
    public event Action<string>? Done;

    public int Unsent => _outboxes.Values.Sum(o => o.Unsent);

    public Outbox Of(string roomId)
    {
        if (!_outboxes.TryGetValue(roomId, out var outbox)) _outboxes[roomId] = outbox = new Outbox();
        return outbox;
    }

    /// <summary>Takes a message; false when too many wait in this room, and the text stays where it is.</summary>
    public bool Submit(string roomId, string clientId, string text)
    {
        var outbox = Of(roomId);
        if (outbox.Find(clientId) is not null) return true;
        if (outbox.Add(clientId, text, platform.Now) is not { } message) return false;
        Send(roomId, message);
        platform.Signal.Raise(Change.Timeline | Change.Notice);
        return true;
    }

    /// <summary>Sends once more what was not confirmed or refused, with the same id.</summary>
    public void Again(string roomId, string clientId)
    {
        if (Of(roomId).Find(clientId) is not { State: SendState.NotConfirmed or SendState.NotSent } message) return;
        Forget(clientId);
        message.Restart(platform.Now);
        Send(roomId, message);
        platform.Signal.Raise(Change.Timeline | Change.Notice);
    }

    /// <summary>Stops repeating it and takes the row away. What was not confirmed may have arrived all the same.</summary>
    public void Discard(string roomId, string clientId)
    {
        Forget(clientId);
        if (!Of(roomId).Remove(clientId)) return;
        Done?.Invoke(clientId);
        platform.Signal.Raise(Change.Timeline | Change.Notice);
    }

    /// <summary>Lets time pass; true when a row changes.</summary>
    public bool Tick(DateTimeOffset now)
    {
        var changed = false;
        foreach (var outbox in _outboxes.Values) changed |= outbox.Tick(now);
        return changed;
    }

    public DateTimeOffset? NextChange(DateTimeOffset now) => _outboxes.Values.Select(o => o.NextChange(now)).Min();

    private void Send(string roomId, OutgoingMessage message)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(platform.Tasks.Stopping);
        _sending[message.ClientId] = stop;
        platform.Tasks.Run("Sending a message", _ => SendAsync(roomId, message, stop));
    }

    private async Task SendAsync(string roomId, OutgoingMessage message, CancellationTokenSource stop)
    {
        try
        {
            var options = new SendOptions { ClientId = message.ClientId, ContentType = MessageMarkup.Markdown, Progress = p => post(() => Follow(message, p)) };
            await platform.Connection.SendMessageAsync(roomId, message.Content, options, stop.Token);
            message.Ack(platform.Now);
            Done?.Invoke(message.ClientId);
        }
        catch (ChatException refused) when (refused.Code == ErrorCodes.Unavailable)
        {
            message.LoseTrack();
        }
        catch (ChatException refused)
        {
            message.Refuse(Reason(refused));
        }
        catch (OperationCanceledException)
        {
            return; // discarded, sent anew, or the circuit ends
        }
        finally
        {
            if (_sending.TryGetValue(message.ClientId, out var current) && current == stop) _sending.Remove(message.ClientId);
            stop.Dispose();
        }
        platform.Signal.Raise(Change.Timeline | Change.Notice);
    }

    private void Follow(OutgoingMessage message, SendProgress progress)
    {
        // Only a limit is worth words: other waits are those of the connection, of which the banner tells.
        if (progress is not { Stage: SendStage.Waiting, Code: ErrorCodes.RateLimited, RetryAt: { } retryAt }) return;
        message.Wait(retryAt);
        platform.Signal.Raise(Change.Timeline);
    }

    private void Forget(string clientId)
    {
        if (_sending.Remove(clientId, out var stop)) stop.Cancel();
    }

    private static string Reason(ChatException refused) => refused.Code switch
    {
        ErrorCodes.Forbidden => "you may not write here.",
        ErrorCodes.NotFound => "this room is not here any more.",
        ErrorCodes.TooLarge => "the text is too long.",
        ErrorCodes.Unauthorized => "you are signed out.",
        ErrorCodes.Conflict or ErrorCodes.BadRequest => refused.Message,
        _ => "something went wrong on our side.",
    };
}
