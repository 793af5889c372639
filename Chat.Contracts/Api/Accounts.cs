namespace Chat.Contracts.Api;

/// <summary>Body of <c>POST /api/auth/register</c>.</summary>
public sealed record RegisterRequest(string? UserName, string? Password, string? DisplayName = null, string? Code = null);

/// <summary>
/// Answer of <c>GET /api/auth/register</c>: whether one can register now, whether that takes a code, and whether the platform is still
/// without an account, so that the next one becomes its admin.
/// </summary>
public sealed record RegistrationInfo(bool Open, bool CodeRequired, bool FirstAccount);

/// <summary>Body of <c>POST /api/auth/login</c>.</summary>
public sealed record LoginRequest(string? UserName, string? Password);

/// <summary>Body of <c>POST /api/auth/refresh</c> and <c>/logout</c>.</summary>
public sealed record RefreshRequest(string? RefreshToken);

/// <summary>A session: tokens of one signed-in device. <c>expires_in</c> is in seconds.</summary>
public sealed record Session(string UserId, string UserName, string AccessToken, int ExpiresIn, string RefreshToken, string TokenType = "Bearer");

/// <summary>Answer of <c>POST /api/auth/ticket</c>. <c>expires_in</c> is in seconds.</summary>
public sealed record Ticket([property: System.Text.Json.Serialization.JsonPropertyName("ticket")] string Value, int ExpiresIn);

/// <summary>A user as others and as <c>/me</c> see them.</summary>
public sealed record UserInfo(string UserId, string UserName, string? DisplayName, bool Admin);

/// <summary>Body of <c>PATCH /api/me</c>.</summary>
public sealed record ProfileChange(string? DisplayName);

/// <summary>Body of <c>PUT /api/me/password</c>.</summary>
public sealed record PasswordChange(string? Old, string? New);

/// <summary>One signed-in device in <c>GET /api/me/sessions</c>. <c>current</c> marks the caller's own.</summary>
public sealed record SessionInfo(string SessionId, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, DateTimeOffset ExpiresAt, string? UserAgent, bool Current);
