using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Chat.Contracts;

namespace Chat.LoadTest.Wire;

/// <summary>The few calls of the HTTP API that a run needs. Whatever is not an answer of the platform is a lost link.</summary>
/// <param name="handler">Another way than the network.</param>
internal sealed class HttpCalls(HttpMessageHandler? handler = null) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    // A connection to a process that died must not be tried for long.
    private readonly HttpClient _http = new(handler ?? new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5), ConnectTimeout = TimeSpan.FromSeconds(3) }) { Timeout = Patience };

    public Task<JsonElement> GetAsync(Route route, string token, string path, CancellationToken stop) => CallAsync(route, token, HttpMethod.Get, path, null, stop);

    public Task<JsonElement> PostAsync(Route route, string token, string path, object body, CancellationToken stop) => CallAsync(route, token, HttpMethod.Post, path, body, stop);

    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> CallAsync(Route route, string token, HttpMethod method, string path, object? body, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(method, new Uri(route.Address, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (body is not null) request.Content = JsonContent.Create(body);
        try
        {
            using var response = await _http.SendAsync(request, stop);
            if (response.IsSuccessStatusCode) return await response.Content.ReadFromJsonAsync<JsonElement>(stop);
            throw Refusal(response.StatusCode, await response.Content.ReadAsStringAsync(stop), route);
        }
        // The socket's own failure comes through when the connection is reset right after it was made.
        catch (Exception failure) when (failure is HttpRequestException or SocketException or IOException or JsonException or OperationCanceledException && !stop.IsCancellationRequested)
        {
            throw new LinkLostException($"{route.Name} gave no answer", failure);
        }
    }

    private static Exception Refusal(HttpStatusCode status, string text, Route route)
    {
        try
        {
            using var problem = JsonDocument.Parse(text);
            if (problem.RootElement.TextOrNull("code") is { } code) return new ChatException(code, text);
        }
        catch (JsonException)
        {
            return NoCode(null);
        }
        return NoCode(null);

        // A proxy's own page, such as the gateway's 502 while a node restarts: nobody knows what became of the call.
        LinkLostException NoCode(Exception? cause) => new($"{route.Name} answered {(int)status} without a code", cause);
    }
}
