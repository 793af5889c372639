using System.Globalization;
using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Microsoft.AspNetCore.WebUtilities;

namespace Chat.Realtime.Api;

/// <summary>A refusal as RFC 9457 problem details; one that ends by itself says when, in <c>Retry-After</c> and <c>retry_after_ms</c>.</summary>
internal sealed record ProblemAnswer(int Status, string Code, string Detail, int? RetryAfterMs = null)
{
    private const int DefaultRetryAfterMs = 1_000;

    public static Task WriteAsync(HttpContext context, ChatException refusal) => WriteAsync(context, Of(refusal));

    public static ProblemAnswer Of(ChatException refusal) => new(ErrorCodes.HttpStatus(refusal.Code), refusal.Code, refusal.Message, refusal.RetryAfterMs);

    public static Task WriteAsync(HttpContext context, ProblemAnswer answer)
    {
        var response = context.Response;
        response.StatusCode = answer.Status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        int? wait = answer.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable
            ? answer.RetryAfterMs ?? DefaultRetryAfterMs
            : null;
        if (wait is { } milliseconds) response.Headers.RetryAfter = ((milliseconds + 999) / 1000).ToString(CultureInfo.InvariantCulture);
        var problem = new Problem("about:blank", ReasonPhrases.GetReasonPhrase(answer.Status), answer.Status, answer.Detail, answer.Code, wait);
        return response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(problem, ChatJson.Wire.Problem), context.RequestAborted).AsTask();
    }
}
