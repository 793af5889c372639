using Chat.Contracts;
using Chat.Realtime.Limits;

namespace Chat.Realtime.Publishing;

/// <summary>Every event that a user makes, durable or live, counts as a message against the same limit.</summary>
internal static class MessageBudget
{
    /// <summary>Takes one message of the user's; throws <c>rate_limited</c> when there is none left now.</summary>
    public static async ValueTask SpendMessageAsync(this RateLimiter limiter, string userId, CancellationToken cancellationToken)
    {
        if (await limiter.TakeMessageAsync(userId, cancellationToken) is { } wait)
            throw new ChatException(ErrorCodes.RateLimited, "Too many messages.", wait);
    }
}
