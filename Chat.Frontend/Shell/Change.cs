namespace Chat.Frontend.Shell;

/// <summary>Which part of the screen has something else to say.</summary>
[Flags]
public enum Change
{
    None = 0,
    Rooms = 1,
    Timeline = 2,
    Members = 4,
    Typing = 8,
    Notice = 16,
    All = Rooms | Timeline | Members | Typing | Notice,
}

/// <summary>
/// Tells components that something changed. While it is held, changes are collected and told once: a burst of events is one rendering.
/// Used only on the circuit's own context.
/// </summary>
public sealed class ChangeSignal
{
    private int _held;
    private Change _collected;

    public event Action<Change>? Changed;

    public void Raise(Change change)
    {
        if (change == Change.None) return;
        _collected |= change;
        if (_held == 0) Tell();
    }

    /// <summary>Runs <paramref name="work"/> and tells at its end what changed in it.</summary>
    public void Hold(Action work)
    {
        _held++;
        try
        {
            work();
        }
        finally
        {
            if (--_held == 0) Tell();
        }
    }

    private void Tell()
    {
        var change = _collected;
        _collected = Change.None;
        if (change != Change.None) Changed?.Invoke(change);
    }
}
