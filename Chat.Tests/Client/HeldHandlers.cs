namespace Chat.Tests.Client;

/// <summary>
/// Holds handlers until they are released. Declared after the client: a test that fails lets go of them before the client is disposed, which waits for its handlers.
/// </summary>
internal sealed class HeldHandlers : IDisposable
{
    private readonly TaskCompletionSource _released = new();

    public void Wait() => _released.Task.Wait();

    public void Release() => _released.TrySetResult();

    public void Dispose() => Release();
}
