using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Client;

/// <summary>One HTTP call: bearer token, JSON both ways, and every kind of failure as a <see cref="ChatException"/>.</summary>
internal sealed class ApiCaller(HttpClient http, Func<CancellationToken, Task<string?>>? accessTokenProvider)
{
    public Task<TAnswer> GetAsync<TAnswer>(string path, JsonTypeInfo<TAnswer> answer, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, path, answer, cancellationToken);

    public async Task<Page<T>> GetPageAsync<T>(string path, JsonTypeInfo<IReadOnlyList<T>> answer, CancellationToken cancellationToken)
    {
        using var response = await CallAsync(HttpMethod.Get, path, null, withToken: true, cancellationToken);
        return new Page<T>(await ReadAsync(response, answer, cancellationToken), NextOf(response));
    }

    public async Task SendAsync(HttpMethod method, string path, CancellationToken cancellationToken)
    {
        using var response = await CallAsync(method, path, null, withToken: true, cancellationToken);
    }

    public async Task<TAnswer> SendAsync<TAnswer>(HttpMethod method, string path, JsonTypeInfo<TAnswer> answer, CancellationToken cancellationToken)
    {
        using var response = await CallAsync(method, path, null, withToken: true, cancellationToken);
        return await ReadAsync(response, answer, cancellationToken);
    }

    public async Task SendAsync<TBody>(HttpMethod method, string path, TBody body, JsonTypeInfo<TBody> bodyType, CancellationToken cancellationToken)
    {
        using var response = await CallAsync(method, path, JsonContent.Create(body, bodyType), withToken: true, cancellationToken);
    }

    public async Task<TAnswer> SendAsync<TBody, TAnswer>(
        HttpMethod method, string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> answer, CancellationToken cancellationToken)
    {
        using var response = await CallAsync(method, path, JsonContent.Create(body, bodyType), withToken: true, cancellationToken);
        return await ReadAsync(response, answer, cancellationToken);
    }

    /// <summary>A GET that needs no token.</summary>
    public async Task<TAnswer> AnonymousAsync<TAnswer>(string path, JsonTypeInfo<TAnswer> answer, CancellationToken cancellationToken)
    {
        using var response = await CallAsync(HttpMethod.Get, path, null, withToken: false, cancellationToken);
        return await ReadAsync(response, answer, cancellationToken);
    }

    /// <summary>A POST that needs no token.</summary>
    public async Task<TAnswer> AnonymousAsync<TBody, TAnswer>(
        string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> answer, CancellationToken cancellationToken)
    {
        using var response = await CallAsync(HttpMethod.Post, path, JsonContent.Create(body, bodyType), withToken: false, cancellationToken);
        return await ReadAsync(response, answer, cancellationToken);
    }

    /// <summary>A POST that needs no token and answers nothing.</summary>
    public async Task AnonymousAsync<TBody>(string path, TBody body, JsonTypeInfo<TBody> bodyType, CancellationToken cancellationToken)
    {
        using var response = await CallAsync(HttpMethod.Post, path, JsonContent.Create(body, bodyType), withToken: false, cancellationToken);
    }

    private async Task<HttpResponseMessage> CallAsync(HttpMethod method, string path, HttpContent? body, bool withToken, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = body };
        if (withToken)
        {
            var token = accessTokenProvider is null ? null : await accessTokenProvider(cancellationToken);
            request.Headers.Authorization = new AuthenticationHeaderValue(
                "Bearer", token ?? throw new ChatException(ErrorCodes.Unauthorized, "Nobody is signed in."));
        }
        try
        {
            var response = await http.SendAsync(request, cancellationToken);
            if (response.IsSuccessStatusCode) return response;
            using (response)
                throw await RefusalAsync(response, cancellationToken);
        }
        // The socket's own failure comes through when the connection is reset right after it was made.
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            throw new ChatException(ErrorCodes.Unavailable, $"The server could not be reached: {e.Message}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ChatException(ErrorCodes.Unavailable, $"The server did not answer within {http.Timeout.TotalSeconds:0} s.");
        }
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        try
        {
            return await response.Content.ReadFromJsonAsync(type, cancellationToken)
                ?? throw new ChatException(ErrorCodes.Internal, "The server answered nothing.");
        }
        catch (JsonException)
        {
            throw new ChatException(ErrorCodes.Internal, "The server answered with something else than the expected JSON.");
        }
    }

    private static async Task<ChatException> RefusalAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var problem = await ProblemOfAsync(response, cancellationToken);
        var retryAfterMs = problem?.RetryAfterMs ?? (int?)response.Headers.RetryAfter?.Delta?.TotalMilliseconds;
        return new ChatException(
            problem?.Code ?? CodeOf(response.StatusCode),
            problem?.Detail ?? problem?.Title ?? $"The server answered {(int)response.StatusCode}.",
            retryAfterMs);
    }

    // A proxy in between may answer something else than problem details; the status then says all there is.
    private static async Task<Problem?> ProblemOfAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentType?.MediaType is not ("application/problem+json" or "application/json")) return null;
        try
        {
            return await response.Content.ReadFromJsonAsync(ChatJson.Wire.Problem, cancellationToken);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string CodeOf(HttpStatusCode status) => (int)status switch
    {
        400 or 405 or 415 => ErrorCodes.BadRequest,
        401 => ErrorCodes.Unauthorized,
        403 => ErrorCodes.Forbidden,
        404 => ErrorCodes.NotFound,
        409 => ErrorCodes.Conflict,
        413 => ErrorCodes.TooLarge,
        429 => ErrorCodes.RateLimited,
        502 or 503 or 504 => ErrorCodes.Unavailable,
        _ => ErrorCodes.Internal,
    };

    // Only path and query are taken, so that the token never goes to another host than the base address.
    private static string? NextOf(HttpResponseMessage response)
    {
        if (!response.Headers.TryGetValues("Link", out var links)) return null;
        foreach (var link in links.SelectMany(value => value.Split(',')))
        {
            var (start, end) = (link.IndexOf('<'), link.IndexOf('>'));
            if (start < 0 || end < start || !link.AsSpan(end).Contains("rel=\"next\"", StringComparison.Ordinal)) continue;
            var target = link[(start + 1)..end];
            return Uri.TryCreate(target, UriKind.Absolute, out var absolute) && absolute.Scheme is "http" or "https" ? absolute.PathAndQuery : target;
        }
        return null;
    }
}
