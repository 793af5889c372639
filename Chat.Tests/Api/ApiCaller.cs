using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Chat.Tests.Api;

/// <summary>An answer as it came over the wire.</summary>
public sealed record ApiAnswer(HttpStatusCode Status, string Text, HttpResponseHeaders Headers, MediaTypeHeaderValue? ContentType)
{
    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    public string? Code => Json.GetProperty("code").GetString();

    /// <summary>The answer, when it has the status; else a failure that shows it.</summary>
    public ApiAnswer Expect(HttpStatusCode status)
    {
        Assert.True(status == Status, $"Expected {(int)status}, got {(int)Status}: {Text}");
        return this;
    }

    /// <summary>A refusal as problem details with this code.</summary>
    public ApiAnswer ExpectProblem(HttpStatusCode status, string code)
    {
        Expect(status);
        Assert.Equal("application/problem+json", ContentType?.MediaType);
        Assert.Equal(code, Code);
        Assert.Equal((int)status, Json.GetProperty("status").GetInt32());
        return this;
    }
}

/// <summary>Calls the API as one user, in raw JSON, so that names on the wire are what is tested.</summary>
public sealed class ApiCaller(Uri address, string? accessToken, string userId)
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { Timeout = TimeSpan.FromSeconds(60) };

    public string UserId { get; } = userId;

    public string? AccessToken { get; } = accessToken;

    public Uri Address { get; } = address;

    public Task<ApiAnswer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<ApiAnswer> PostAsync(string path, object? body = null) => SendAsync(HttpMethod.Post, path, body);

    public Task<ApiAnswer> PutAsync(string path, object body) => SendAsync(HttpMethod.Put, path, body);

    public Task<ApiAnswer> PatchAsync(string path, object body) => SendAsync(HttpMethod.Patch, path, body);

    public Task<ApiAnswer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path);

    public Task<ApiAnswer> SendAsync(HttpMethod method, string path, object? body = null) =>
        SendAsync(method, path, body is null ? null : new StringContent(body as string ?? JsonSerializer.Serialize(body), Encoding.UTF8, "application/json"));

    public async Task<ApiAnswer> SendAsync(HttpMethod method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(Address, path)) { Content = content };
        if (AccessToken is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", AccessToken);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await Http.SendAsync(request);
        return new ApiAnswer(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers, response.Content.Headers.ContentType);
    }

    /// <summary>Makes a room that the caller owns and returns its id.</summary>
    public async Task<string> CreateRoomAsync(string kind = "public", string? name = null)
    {
        var answer = await PostAsync("/api/rooms", new { name = name ?? "Room", kind });
        return answer.Expect(HttpStatusCode.Created).Json.GetProperty("room_id").GetString()!;
    }

    /// <summary>Sees to it that the user of a minted token exists.</summary>
    public async Task<ApiCaller> ArriveAsync()
    {
        (await GetAsync("/api/me")).Expect(HttpStatusCode.OK);
        return this;
    }
}
