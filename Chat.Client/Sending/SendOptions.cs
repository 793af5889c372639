namespace Chat.Client;

/// <summary>What may be said about a message besides its text.</summary>
public sealed record SendOptions
{
    /// <summary>Idempotency key, up to 64 characters; a UUIDv7 is made when left out. Sending again with the same one makes no second message.</summary>
    public string? ClientId { get; init; }

    /// <summary><c>event_id</c> of the message that this one answers.</summary>
    public string? ReplyTo { get; init; }

    /// <summary><c>text/markdown</c> or <c>application/json</c>; plain text when left out.</summary>
    public string? ContentType { get; init; }

    /// <summary>Told what happens to the message while it waits; called from the connection's own tasks, so it must return quickly.</summary>
    public Action<SendProgress>? Progress { get; init; }
}

/// <summary>Where a message is on its way.</summary>
public enum SendStage
{
    /// <summary>In the outbox: behind an earlier message of the room, or there is no connection.</summary>
    Queued,
    /// <summary>Handed to the network; the ack is awaited.</summary>
    Sent,
    /// <summary>Not accepted now; repeated by itself at <see cref="SendProgress.RetryAt"/>.</summary>
    Waiting,
}

/// <summary>Progress of one message.</summary>
/// <param name="ClientId">Its idempotency key.</param>
/// <param name="Stage">Where it is.</param>
/// <param name="Code">With <see cref="SendStage.Waiting"/>: the error code, e.g. <c>rate_limited</c>.</param>
/// <param name="RetryAt">With <see cref="SendStage.Waiting"/>: when it is sent again.</param>
public sealed record SendProgress(string ClientId, SendStage Stage, string? Code = null, DateTimeOffset? RetryAt = null);
