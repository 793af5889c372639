namespace Chat.Realtime.Limits;

/// <summary>Token buckets in Redis: a limit holds over all nodes and transports. When Redis cannot be asked, nothing is refused.</summary>
public sealed class RateLimiter
{
    /// <summary>Takes one token for a message of <paramref name="userId"/>; null when taken, else the milliseconds until there is one.</summary>
    public ValueTask<int?> TakeMessageAsync(string userId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Takes one token for an HTTP request of <paramref name="userId"/>.</summary>
    public ValueTask<int?> TakeRequestAsync(string userId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Login attempts: null when one more may be tried for this name from this address. Failures are counted with <see cref="LoginFailedAsync"/>.</summary>
    public ValueTask<int?> CheckLoginAsync(string userName, string address, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Counts a failed login: 10 per name and address, 300 per address in 15 minutes.</summary>
    public ValueTask LoginFailedAsync(string userName, string address, CancellationToken cancellationToken) => throw new NotImplementedException();
}
