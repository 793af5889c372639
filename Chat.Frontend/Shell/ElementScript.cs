using Microsoft.JSInterop;

namespace Chat.Frontend.Shell;

/// <summary>
/// The script of one component's element: what <c>attach</c> of a module returned, until the component goes. A component can go while
/// its script is still on its way, when somebody walks through the rooms quickly: then the script is detached as soon as it came.
/// </summary>
public sealed class ElementScript(IJSRuntime browser) : IAsyncDisposable
{
    private IJSObjectReference? _attached;
    private bool _disposed;

    /// <summary>Imports <paramref name="module"/> and calls its <c>attach</c> with <paramref name="arguments"/>.</summary>
    public async Task AttachAsync(string module, params object?[] arguments)
    {
        try
        {
            await using var script = await browser.InvokeAsync<IJSObjectReference>("import", module);
            if (_disposed) return;
            _attached = await script.InvokeAsync<IJSObjectReference>("attach", arguments);
        }
        catch (Exception exception) when (_disposed && exception is JSException or ObjectDisposedException)
        {
            return; // the element went before its script came
        }
        if (_disposed) await DetachAsync();
    }

    /// <summary>Calls a function of what was attached; nothing while it is not there.</summary>
    public async Task CallAsync(string function)
    {
        if (_attached is { } attached) await attached.InvokeVoidAsync(function);
    }

    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        await DetachAsync();
    }

    private async Task DetachAsync()
    {
        if (Interlocked.Exchange(ref _attached, null) is not { } attached) return;
        try
        {
            await attached.InvokeVoidAsync("detach");
            await attached.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
            // The browser has gone; it kept what was typed and where the reader was.
        }
    }
}
