using Chat.Contracts;

namespace Chat.Client.Connecting;

/// <summary>The connection of this moment. Whoever needs one waits here until there is one, or until there will never be one again.</summary>
internal sealed class CurrentLink
{
    private readonly Lock _gate = new();
    private TaskCompletionSource<ChatLink> _link = NewSource();

    /// <summary>The connection; null when there is none now.</summary>
    public ChatLink? Now => _link.Task is { IsCompletedSuccessfully: true } task ? task.Result : null;

    /// <summary>Why there will never be one again; null while there may be.</summary>
    public ChatException? ClosedBecause { get; private set; }

    /// <exception cref="ChatException">The connection was closed for good.</exception>
    public Task<ChatLink> WaitAsync(CancellationToken cancellationToken) => _link.Task.WaitAsync(cancellationToken);

    public void Set(ChatLink link)
    {
        lock (_gate) _link.TrySetResult(link);
    }

    /// <summary>Whoever waits from now on gets a later connection than <paramref name="link"/>.</summary>
    public void Abandon(ChatLink link)
    {
        lock (_gate)
        {
            if (Now == link) _link = NewSource();
        }
    }

    /// <summary>From now on every wait fails with <paramref name="why"/>.</summary>
    public void Close(ChatException why)
    {
        lock (_gate)
        {
            if (_link.Task.IsCompletedSuccessfully) _link = NewSource();
            ClosedBecause = why;
            _link.TrySetException(why);
            _ = _link.Task.Exception; // observed: there may be nobody who waits
        }
    }

    private static TaskCompletionSource<ChatLink> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
