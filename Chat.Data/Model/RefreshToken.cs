namespace Chat.Data.Model;

/// <summary>A refresh token, of which only the SHA-256 is kept. Used once: a second use means that it was stolen, and revokes its session.</summary>
public sealed class RefreshToken
{
    public required byte[] TokenHash { get; init; }
    public required string SessionId { get; init; }
    public required DateTimeOffset IssuedAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public DateTimeOffset? UsedAt { get; set; }
}
