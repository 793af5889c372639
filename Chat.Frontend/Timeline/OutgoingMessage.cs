namespace Chat.Frontend.Timeline;

/// <summary>What is known about an own message on its way. "Failed" is not among it: either nobody knows, or the platform said no.</summary>
public enum SendState
{
    /// <summary>Under way for less than a second: nothing is said.</summary>
    Fresh,
    Sending,
    /// <summary>Over a limit: goes out by itself at <see cref="OutgoingMessage.RetryAt"/>.</summary>
    Waiting,
    /// <summary>Durable. Said for two seconds, then it goes without saying.</summary>
    Sent,
    /// <summary>No word for ten seconds: it may have arrived. Sending again is safe.</summary>
    NotConfirmed,
    /// <summary>Refused, with a reason.</summary>
    NotSent,
}

/// <summary>What a message row says about its way.</summary>
public sealed record SendNote(SendState State, string Text);

/// <summary>
/// An own message from Enter until its echo stands in the timeline. An ack is final: nothing later takes "sent" back.
/// Time moves it only from fresh to sending to not confirmed.
/// </summary>
public sealed class OutgoingMessage(string clientId, string content, DateTimeOffset at)
{
    public static readonly TimeSpan QuietFor = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan ConfirmWithin = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan ShowSentFor = TimeSpan.FromSeconds(2);

    public string ClientId { get; } = clientId;
    public string Content { get; } = content;
    /// <summary>Sanitised markup of the content, worked out at the first rendering.</summary>
    public string? Html { get; set; }
    /// <summary>When it was written: what its row shows until the platform says when it was accepted.</summary>
    public DateTimeOffset WrittenAt { get; } = at;
    /// <summary>Raised with everything that its row may show.</summary>
    public int Version { get; private set; }
    public SendState State
    {
        get;
        private set
        {
            field = value;
            Version++;
        }
    }
    public string? Reason { get; private set; }
    public DateTimeOffset? RetryAt { get; private set; }
    public DateTimeOffset? AckedAt { get; private set; }
    /// <summary>True once its echo stands in the timeline, which then shows it.</summary>
    public bool Echoed { get; private set; }
    /// <summary>True when there is nothing more to say about it.</summary>
    public bool Settled => Echoed && _quiet;
    private DateTimeOffset _since = at;
    private bool _quiet;

    /// <summary>The next moment at which it has something else to say; null when only an answer can change it.</summary>
    public DateTimeOffset? NextChange(DateTimeOffset now) => State switch
    {
        SendState.Fresh => _since + QuietFor,
        SendState.Sending => _since + ConfirmWithin,
        SendState.Sent => _quiet ? null : AckedAt + ShowSentFor,
        // The countdown moves each second.
        SendState.Waiting when RetryAt is { } retry && retry > now => now + TimeSpan.FromMilliseconds(Math.Max(50, (retry - now).TotalMilliseconds % 1000)),
        SendState.Waiting => now + QuietFor,
        _ => null,
    };

    /// <summary>Lets time pass; true when its row changes.</summary>
    public bool Tick(DateTimeOffset now)
    {
        var before = (State, RetryAt, _quiet);
        if (State == SendState.Waiting && now >= RetryAt) Restart(RetryAt.Value);
        if (State == SendState.Fresh && now >= _since + QuietFor) State = SendState.Sending;
        if (State == SendState.Sending && now >= _since + ConfirmWithin) State = SendState.NotConfirmed;
        if (State == SendState.Sent && now >= AckedAt + ShowSentFor) _quiet = true;
        var changed = before != (State, RetryAt, _quiet) || State == SendState.Waiting;
        if (changed) Version++;
        return changed;
    }

    /// <summary>The platform asks to wait; the connection sends it again by itself at <paramref name="retryAt"/>.</summary>
    public void Wait(DateTimeOffset retryAt)
    {
        if (State is SendState.Sent or SendState.NotSent) return;
        State = SendState.Waiting;
        RetryAt = retryAt;
    }

    public void Ack(DateTimeOffset now)
    {
        if (State == SendState.Sent) return;
        State = SendState.Sent;
        AckedAt = now;
        Reason = null;
        RetryAt = null;
    }

    /// <summary>Its event arrived, which is as good as the ack.</summary>
    public void Echo(DateTimeOffset now)
    {
        Ack(now);
        Echoed = true;
        Version++;
    }

    public void Refuse(string reason)
    {
        if (State == SendState.Sent) return;
        State = SendState.NotSent;
        Reason = reason;
        RetryAt = null;
    }

    /// <summary>The outcome cannot be known now; the text stays, to be sent again with the same id.</summary>
    public void LoseTrack()
    {
        if (State is SendState.Sent or SendState.NotSent) return;
        State = SendState.NotConfirmed;
        RetryAt = null;
    }

    /// <summary>It is sent once more, with the same id.</summary>
    public void Restart(DateTimeOffset now)
    {
        if (State == SendState.Sent) return;
        State = SendState.Fresh;
        Reason = null;
        RetryAt = null;
        _since = now;
    }

    /// <summary>What its row says; null for nothing.</summary>
    public SendNote? Note(DateTimeOffset now) => State switch
    {
        SendState.Sending => new SendNote(State, "Sending"),
        SendState.Sent when !_quiet => new SendNote(State, "Sent"),
        SendState.Waiting => new SendNote(State, $"Too many messages at once. Goes out by itself in {Seconds(now)} s."),
        SendState.NotConfirmed => new SendNote(State, "Not confirmed. Sending again is safe."),
        SendState.NotSent => new SendNote(State, $"Not sent: {Reason}"),
        _ => null,
    };

    private int Seconds(DateTimeOffset now) => Math.Max(1, (int)Math.Ceiling(((RetryAt ?? now) - now).TotalSeconds));
}
