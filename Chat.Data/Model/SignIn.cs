namespace Chat.Data.Model;

/// <summary>One signed-in device, and the family of its refresh tokens: when it is revoked, all of them are.</summary>
public sealed class SignIn
{
    public required string SessionId { get; init; }
    public required string UserId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset LastUsedAt { get; set; }
    public required DateTimeOffset ExpiresAt { get; set; }
    public DateTimeOffset? RevokedAt { get; set; }
    public string? UserAgent { get; init; }
}
