using Chat.Client;

namespace Chat.Frontend.Shell;

/// <summary>Kinds of what the banner under the bar says.</summary>
public enum NoticeKind
{
    Connecting,
    NoConnection,
    Back,
    Reloaded,
    SignedOut,
    Closed,
}

/// <summary>What the banner says now.</summary>
public sealed record Notice(NoticeKind Kind, string? Strong, string Text);

/// <summary>
/// What is to be said about the connection to the platform: nothing for the first two seconds, so that it never flickers; then that
/// it is being made again; after ten seconds since when and until when; and that it is back, for four seconds.
/// </summary>
public sealed class ConnectionNotice(TimeProvider time)
{
    public static readonly TimeSpan SilentFor = TimeSpan.FromSeconds(2);
    public static readonly TimeSpan PatientFor = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan ShowBackFor = TimeSpan.FromSeconds(4);

    private DateTimeOffset? _lostAt;
    private DateTimeOffset? _backAt;
    private DateTimeOffset? _nextAttempt;
    private ClosedReason? _closed;
    private bool _reloaded;
    private int _missed;

    public bool IsConnected => _lostAt is null && _closed is null;

    /// <summary>When the connection came back last; events from before it were missed.</summary>
    public DateTimeOffset? BackAt => _backAt;

    public void Set(ConnectionState state)
    {
        var now = time.GetUtcNow();
        switch (state.Status)
        {
            case ConnectionStatus.Connected:
                // Back is only said where being away was said.
                if (_lostAt is { } lost && now - lost >= SilentFor) (_backAt, _missed) = (now, 0);
                (_lostAt, _nextAttempt, _closed) = (null, null, null);
                break;
            case ConnectionStatus.Closed:
                _closed = state.ClosedReason ?? ClosedReason.Policy;
                break;
            default:
                _lostAt ??= now;
                _nextAttempt = state.NextAttemptAt;
                _backAt = null;
                break;
        }
    }

    /// <summary>A room had to be loaded anew.</summary>
    public void Reloaded() => _reloaded = true;

    public void Dismiss() => _reloaded = false;

    /// <summary>A message from the time without a connection has arrived.</summary>
    public void CountMissed() => _missed++;

    /// <param name="waiting">Own messages that have not been acked.</param>
    public Notice? Current(int waiting)
    {
        var now = time.GetUtcNow();
        if (_closed is { } closed) return Ended(closed);
        if (_lostAt is { } lost && now - lost >= SilentFor)
        {
            if (now - lost < PatientFor)
                return new Notice(NoticeKind.Connecting, null, "Connecting again. You can keep writing, messages are sent once when the connection is back.");
            var wait = waiting switch { 0 => "", 1 => "1 message is waiting here. ", _ => $"{waiting} messages are waiting here. " };
            var next = _nextAttempt > now ? $"Next try in {(int)Math.Ceiling((_nextAttempt.Value - now).TotalSeconds)} s." : "Trying now.";
            return new Notice(NoticeKind.NoConnection, $"No connection for {Duration(now - lost)}.", wait + next);
        }
        if (_backAt is { } back && now - back < ShowBackFor)
        {
            return new Notice(NoticeKind.Back, null, _missed switch
            {
                0 => "Back. You missed nothing.",
                1 => "Back. 1 missed message is here.",
                _ => $"Back. {_missed} missed messages are here, in order.",
            });
        }
        return _reloaded
            ? new Notice(NoticeKind.Reloaded, null, "This room was loaded anew because its numbering restarted. Nothing that you wrote is gone.")
            : null;
    }

    /// <summary>When it has something else to say; null when only the connection can change it.</summary>
    public DateTimeOffset? NextChange
    {
        get
        {
            var now = time.GetUtcNow();
            if (_closed is not null) return null;
            if (_lostAt is { } lost)
            {
                if (now - lost < SilentFor) return lost + SilentFor;
                return now - lost < PatientFor ? lost + PatientFor : now + TimeSpan.FromSeconds(1); // the countdown
            }
            return _backAt is { } back && now - back < ShowBackFor ? back + ShowBackFor : null;
        }
    }

    private static Notice Ended(ClosedReason reason) => reason switch
    {
        ClosedReason.SignedOut => new Notice(NoticeKind.SignedOut, "You are signed out.", "Your session ended on this device. What you wrote is kept as a draft."),
        ClosedReason.TooManyConnections => new Notice(NoticeKind.Closed, "Too many open windows for one account.", "Close one of them, then load this one again."),
        _ => new Notice(NoticeKind.Closed, "The server closed this connection.", "Loading again usually helps; otherwise ask your administrator."),
    };

    private static string Duration(TimeSpan span) => span < TimeSpan.FromMinutes(1) ? $"{(int)span.TotalSeconds} s" : $"{(int)span.TotalMinutes} min";
}
