namespace Chat.Contracts;

/// <summary>The codes of refused commands and requests. A client decides by the code, never by the message.</summary>
public static class ErrorCodes
{
    /// <summary>Malformed or invalid. HTTP 400 (415 for a media type). Do not repeat unchanged.</summary>
    public const string BadRequest = "bad_request";
    /// <summary>No valid credentials. HTTP 401. Get a fresh token.</summary>
    public const string Unauthorized = "unauthorized";
    /// <summary>Known, but not allowed. HTTP 403.</summary>
    public const string Forbidden = "forbidden";
    /// <summary>Absent, or invisible to the caller. HTTP 404.</summary>
    public const string NotFound = "not_found";
    /// <summary>The state does not allow it (name taken, last owner). HTTP 409.</summary>
    public const string Conflict = "conflict";
    /// <summary>Content over its limit. HTTP 413.</summary>
    public const string TooLarge = "too_large";
    /// <summary>Over a limit; wait <c>retry_after_ms</c>. HTTP 429.</summary>
    public const string RateLimited = "rate_limited";
    /// <summary>The platform cannot finish it now, outcome possibly unknown: repeat with the same <c>client_id</c>. HTTP 503.</summary>
    public const string Unavailable = "unavailable";
    /// <summary>A fault of ours. HTTP 500.</summary>
    public const string Internal = "internal";

    /// <summary>The HTTP status that carries <paramref name="code"/>.</summary>
    public static int HttpStatus(string code) => code switch
    {
        BadRequest => 400,
        Unauthorized => 401,
        Forbidden => 403,
        NotFound => 404,
        Conflict => 409,
        TooLarge => 413,
        RateLimited => 429,
        Unavailable => 503,
        _ => 500,
    };
}

/// <summary>A command or request that is refused with a code of <see cref="ErrorCodes"/>; the message is for people and leaks no detail.</summary>
public sealed class ChatException(string code, string message, int? retryAfterMs = null) : Exception(message)
{
    /// <summary>One of <see cref="ErrorCodes"/>.</summary>
    public string Code { get; } = code;

    /// <summary>Milliseconds to wait before the next try, with <see cref="ErrorCodes.RateLimited"/> and <see cref="ErrorCodes.Unavailable"/>.</summary>
    public int? RetryAfterMs { get; } = retryAfterMs;
}
