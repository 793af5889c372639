namespace Chat.LoadTest.Load;

/// <summary>Those who receive, however they do it. What comes goes to the <see cref="Crowds.ICrowdWatch"/> that they were made with.</summary>
internal interface IMembers : IAsyncDisposable
{
    /// <summary>Completes when each of them will get whatever is published from now on.</summary>
    Task OpenAsync(Action<int> opened, CancellationToken stop);

    /// <summary>Throws what made one of them end before its time.</summary>
    void ThrowIfBroken();

    /// <summary>Bytes that all of them have sent and received so far.</summary>
    long Bytes { get; }

    /// <summary>HTTP requests so far; for a WebSocket that is its handshake.</summary>
    long Requests { get; }

    /// <summary>Connections lost, or requests that failed, so far.</summary>
    long Failures { get; }
}
