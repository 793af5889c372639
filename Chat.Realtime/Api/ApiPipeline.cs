using System.Net.Mime;
using Chat.Contracts;
using Npgsql;

namespace Chat.Realtime.Api;

/// <summary>
/// What stands around every request below <c>/api</c>: CORS, and refusals as problem details. Whatever goes wrong below it has a code; nothing of the
/// cause but its kind reaches the client.
/// </summary>
internal sealed partial class ApiPipeline(ILogger<ApiPipeline> logger) : IStartupFilter
{
    public const string CorsPolicy = "chat";

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.UseWhen(context => context.Request.Path.StartsWithSegments("/api"), api =>
        {
            api.UseCors(CorsPolicy);
            api.Use(HandleAsync);
        });
        next(app);
    };

    private async Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            if (context.Request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding != "identity")
                throw new BadHttpRequestException("Request bodies are not compressed.", StatusCodes.Status415UnsupportedMediaType);
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentType: null }) await ProblemAnswer.WriteAsync(context, OfStatus(context.Response.StatusCode));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            Log.Gone(logger, context.Request.Path);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            await ProblemAnswer.WriteAsync(context, Describe(e, context));
        }
    }

    private ProblemAnswer Describe(Exception exception, HttpContext context)
    {
        switch (exception)
        {
            case ChatException refusal:
                return ProblemAnswer.Of(refusal);
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }:
                return new ProblemAnswer(StatusCodes.Status413PayloadTooLarge, ErrorCodes.TooLarge, "The request body is too large.");
            case BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType }:
                return OfStatus(StatusCodes.Status415UnsupportedMediaType);
            case BadHttpRequestException bad:
                Log.Malformed(logger, context.Request.Path, bad.Message);
                return new ProblemAnswer(StatusCodes.Status400BadRequest, ErrorCodes.BadRequest, "The request is malformed.");
            // U+0000 in a query or a path: Postgres keeps no text with it, so nothing can match.
            case PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter }:
                return new ProblemAnswer(StatusCodes.Status400BadRequest, ErrorCodes.BadRequest, "The request holds characters that no text here has.");
            default:
                Log.Failed(logger, context.Request.Method, context.Request.Path, exception);
                return new ProblemAnswer(StatusCodes.Status500InternalServerError, ErrorCodes.Internal, "The server failed to handle the request.");
        }
    }

    private static ProblemAnswer OfStatus(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => new(status, ErrorCodes.Unauthorized, "A valid access token is needed."),
        StatusCodes.Status403Forbidden => new(status, ErrorCodes.Forbidden, "This is not allowed."),
        StatusCodes.Status404NotFound => new(status, ErrorCodes.NotFound, "There is nothing here."),
        StatusCodes.Status405MethodNotAllowed => new(status, ErrorCodes.BadRequest, "This path does not take this method."),
        StatusCodes.Status413PayloadTooLarge => new(status, ErrorCodes.TooLarge, "The request body is too large."),
        StatusCodes.Status415UnsupportedMediaType => new(status, ErrorCodes.BadRequest, $"The body must be {MediaTypeNames.Application.Json}, not compressed."),
        >= 500 => new(status, ErrorCodes.Internal, "The server failed to handle the request."),
        _ => new(status, ErrorCodes.BadRequest, "The request is not valid."),
    };

    private static partial class Log
    {
        [LoggerMessage(3301, LogLevel.Debug, "The client of {Path} went away before the answer")]
        public static partial void Gone(ILogger logger, string path);

        [LoggerMessage(3302, LogLevel.Debug, "Malformed request for {Path}: {Reason}")]
        public static partial void Malformed(ILogger logger, string path, string reason);

        [LoggerMessage(3303, LogLevel.Error, "{Method} {Path} failed")]
        public static partial void Failed(ILogger logger, string method, string path, Exception exception);
    }
}
