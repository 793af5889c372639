namespace Chat.Data.Model;

/// <summary>
/// An account. Without <see cref="PasswordHash"/> it was made from a token of an application's own server and cannot sign in with a password.
/// </summary>
public sealed class User
{
    public required string UserId { get; init; }
    /// <summary>Lower-case, unique, fixed.</summary>
    public required string UserName { get; init; }
    public string? DisplayName { get; set; }
    public string? PasswordHash { get; set; }
    public bool Admin { get; set; }
    public bool Disabled { get; set; }
    public required DateTimeOffset CreatedAt { get; init; }
}
