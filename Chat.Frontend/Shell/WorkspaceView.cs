using Microsoft.AspNetCore.Components;

namespace Chat.Frontend.Shell;

/// <summary>A component that shows part of the workspace: rendered when that part changes, and not otherwise.</summary>
public abstract class WorkspaceView : ComponentBase, IDisposable
{
    [Parameter, EditorRequired]
    public Workspace Workspace { get; set; } = default!;

    /// <summary>What it shows.</summary>
    protected abstract Change Shows { get; }

    protected override void OnInitialized() => Workspace.Signal.Changed += Refresh;

    public void Dispose()
    {
        Workspace.Signal.Changed -= Refresh;
        GC.SuppressFinalize(this);
    }

    private void Refresh(Change change)
    {
        if ((change & Shows) != Change.None) StateHasChanged();
    }
}
