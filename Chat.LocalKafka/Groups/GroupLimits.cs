namespace Chat.LocalKafka.Groups;

/// <summary>The bounds of a group.</summary>
internal sealed record GroupLimits(int MaxMembers, int MinSessionTimeoutMs, int MaxSessionTimeoutMs, int InitialRebalanceDelayMs);
