using System.Net;
using System.Text.Json.Nodes;
using Chat.Tests.Backends;

namespace Chat.Tests.LocalHosting;

/// <summary>The dashboard's contract with people and scripts.</summary>
public sealed class DashboardTests(DashboardTests.Running running) : IClassFixture<DashboardTests.Running>
{
    private HttpClient Http => running.App.Dashboard;

    [Fact]
    public async Task Every_process_is_listed_with_what_scripts_need()
    {
        var resources = await running.App.ResourcesAsync();

        Assert.Equal(["postgres-1", "redis-1", "service-1", "service-2", "sleeper-1"], resources.Select(resource => (string)resource!["name"]!));
        var service = resources[2]!;
        Assert.Equal(("service", "project", "Running", "Healthy"), ((string)service["resource"]!, (string)service["type"]!, (string)service["state"]!, (string)service["health"]!));
        Assert.StartsWith("http://127.0.0.1:", (string)service["urls"]![0]!);
        Assert.Null(service["connection_string"]);
        Assert.True(DateTimeOffset.UtcNow - DateTimeOffset.Parse((string)service["started_at"]!) < TimeSpan.FromMinutes(10));
        Assert.Contains(",password=", (string)resources[1]!["connection_string"]!);
    }

    [Fact]
    public async Task The_pid_is_the_service_itself()
    {
        var service = (await running.App.ResourcesAsync())[2]!;
        using var direct = new HttpClient();

        Assert.Equal((int)service["pid"]!, int.Parse(await direct.GetStringAsync((string)service["urls"]![0]! + "/pid")));
        var postgres = (await running.App.ResourcesAsync())[0]!;
        Assert.Equal((int)postgres["pid"]!, int.Parse(File.ReadLines(running.Data("postgres/postmaster.pid")).First()));
    }

    [Fact]
    public async Task Commands_stop_start_and_restart()
    {
        Assert.Equal(HttpStatusCode.NoContent, await PostAsync("sleeper-1/stop"));
        Assert.Equal("Exited", await StateAsync("sleeper-1"));
        var stopped = (await running.App.ResourcesAsync()).Single(resource => (string)resource!["name"]! == "sleeper-1")!.AsObject();
        Assert.All(new[] { "health", "pid" }, field => Assert.True(stopped.ContainsKey(field) && stopped[field] is null, $"{field} is there, and null while nothing runs"));
        Assert.Equal(HttpStatusCode.NoContent, await PostAsync("sleeper-1/start"));
        Assert.Equal("Running", await StateAsync("sleeper-1"));
        Assert.Equal(HttpStatusCode.NoContent, await PostAsync("sleeper-1/restart"));
        Assert.Equal("Running", await StateAsync("sleeper-1"));
        Assert.Equal(HttpStatusCode.NotFound, await PostAsync("nobody-1/stop"));
        Assert.Equal(HttpStatusCode.NotFound, await PostAsync("sleeper-1/explode"));
    }

    [Fact]
    public async Task The_log_has_as_many_lines_as_asked_for()
    {
        var lines = (await Http.GetStringAsync("/api/resources/redis-1/logs?tail=2")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(2, lines.Length);
        Assert.Contains("Ready to accept connections", await Http.GetStringAsync("/api/resources/redis-1/logs"));
        Assert.Equal(HttpStatusCode.NotFound, (await Http.GetAsync("/api/resources/nobody-1/logs")).StatusCode);
    }

    [Fact]
    public async Task The_page_shows_every_process_and_escapes_what_it_shows()
    {
        var page = await Http.GetStringAsync("/");

        foreach (var name in new[] { "postgres-1", "redis-1", "service-1", "service-2", "sleeper-1" })
            Assert.Contains($"data-name=\"{name}\"", page);
        Assert.DoesNotContain("password=", page);
        Assert.Contains("text/css", (await Http.GetAsync("/dashboard.css")).Content.Headers.ContentType!.ToString());
        Assert.Contains("script-src 'self'", (await Http.GetAsync("/")).Headers.GetValues("Content-Security-Policy").Single());
    }

    [Theory]
    [InlineData("Origin", "https://example.com")]
    [InlineData("Origin", "null")]
    [InlineData("Origin", "http://localhost:3000")]
    [InlineData("Host", "example.com")]
    [InlineData("Host", "127.0.0.1.example.com")]
    public async Task Who_comes_from_elsewhere_is_refused(string header, string value)
    {
        foreach (var (method, path) in new[] { (HttpMethod.Get, "/"), (HttpMethod.Get, "/api/resources"), (HttpMethod.Post, "/api/resources/redis-1/stop") })
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.TryAddWithoutValidation(header, value);

            Assert.Equal(HttpStatusCode.Forbidden, (await Http.SendAsync(request)).StatusCode);
        }
        Assert.Equal("Running", await StateAsync("redis-1"));
    }

    [Fact]
    public async Task The_pages_own_origin_is_let_in()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/resources");
        request.Headers.Add("Origin", Http.BaseAddress!.GetLeftPart(UriPartial.Authority));

        Assert.Equal(HttpStatusCode.OK, (await Http.SendAsync(request)).StatusCode);
    }

    private async Task<HttpStatusCode> PostAsync(string command) => (await Http.PostAsync($"/api/resources/{command}", null)).StatusCode;

    private async Task<string?> StateAsync(string name) =>
        (string?)(await running.App.ResourcesAsync()).Single(resource => (string)resource!["name"]! == name)!["state"];

    /// <summary>One application for all tests of the class.</summary>
    public sealed class Running : IAsyncLifetime
    {
        private readonly TestDirectory _directory = new();
        private SmallAppProcess? _app;

        internal SmallAppProcess App => _app ?? throw new InvalidOperationException("The application is not started.");

        public string Data(string name) => _directory["data/" + name];

        public async ValueTask InitializeAsync() => _app = await SmallAppProcess.StartAsync(_directory["data"]);

        public async ValueTask DisposeAsync()
        {
            if (_app is not null)
            {
                _app.Send(Chat.LocalHosting.Processes.Signal.Terminate);
                await _app.WaitForExitAsync();
                await _app.DisposeAsync();
            }
            _directory.Dispose();
        }
    }
}
