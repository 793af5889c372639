using System.Text.Json.Nodes;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Chat.Tests.Backends;

namespace Chat.Tests.LocalHosting;

public sealed class ManifestTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    [Fact]
    public async Task The_committed_manifest_is_what_the_AppHost_writes()
    {
        var root = Path.GetFullPath("..", Projects.Chat_AppHost.ProjectPath);
        // Beside the committed one, since its paths are relative to where it lies.
        var fresh = Path.Combine(root, $"manifest-{Guid.NewGuid():N}.json");
        try
        {
            await PublishAppHostAsync(fresh);

            Assert.Equal(await File.ReadAllTextAsync(Path.Combine(root, "aspire-manifest.json")), await File.ReadAllTextAsync(fresh));
        }
        finally
        {
            File.Delete(fresh);
        }
    }

    [Fact]
    public async Task A_deployment_asks_the_first_account_for_a_generated_secret()
    {
        await PublishAppHostAsync(_directory["manifest.json"]);

        var resources = JsonNode.Parse(await File.ReadAllTextAsync(_directory["manifest.json"]))!["resources"]!;
        Assert.Equal("{bootstrap-code.value}", (string?)resources["realtime"]!["env"]!["Chat__Auth__BootstrapCode"]);
        AssertJson("""
            { "type": "string", "secret": true, "default": { "generate": { "minLength": 16, "special": false } } }
            """, resources["bootstrap-code"]!["inputs"]!["value"]);
    }

    [Fact]
    public async Task What_this_machine_is_set_to_does_not_reach_the_manifest()
    {
        await PublishAppHostAsync(
            _directory["manifest.json"], "CHAT_NODES=7", "CHAT_HTTP_PORT=9999", "CHAT_BIND=10.9.8.7", "Chat:Limits:Enabled=false",
            "ConnectionStrings:redis=elsewhere:6379", "Chat:Auth:SigningKey=c2VjcmV0", "Chat:Auth:BootstrapCode=open-sesame");

        var text = await File.ReadAllTextAsync(_directory["manifest.json"]);
        foreach (var leaked in new[] { "9999", "10.9.8.7", "Limits", "elsewhere", "c2VjcmV0", "open-sesame", "DataDirectory" })
            Assert.DoesNotContain(leaked, text);
    }

    [Fact]
    public async Task A_connection_string_of_an_existing_server_is_a_secret_parameter()
    {
        var builder = Published.Builder(_directory);
        builder.AddConnectionString("external");

        var resources = await Published.PublishAsync(builder, _directory);

        AssertJson("""
            { "type": "parameter.v0", "connectionString": "{external.value}", "value": "{external.inputs.value}",
              "inputs": { "value": { "type": "string", "secret": true } } }
            """, resources["external"]);
    }

    [Fact]
    public async Task Parameters_say_what_makes_their_value()
    {
        var builder = Published.Builder(_directory);
        builder.AddParameter("issuer", "chat", publishValueAsDefault: true);
        builder.AddParameter("given", secret: true);
        builder.AddParameter("made", new GenerateParameterDefault { MinLength = 30, Upper = false, MinNumeric = 2 });

        var resources = await Published.PublishAsync(builder, _directory);

        AssertJson("""{ "type": "string", "default": { "value": "chat" } }""", resources["issuer"]!["inputs"]!["value"]);
        AssertJson("""{ "type": "string", "secret": true }""", resources["given"]!["inputs"]!["value"]);
        AssertJson("""{ "type": "string", "default": { "generate": { "minLength": 30, "upper": false, "minNumeric": 2 } } }""", resources["made"]!["inputs"]!["value"]);
    }

    [Fact]
    public async Task A_binding_names_its_port_only_where_it_differs_from_the_target_port()
    {
        var builder = Published.Builder(_directory);
        builder.AddProject("web", "Web/Web.csproj")
            .WithHttpEndpoint(port: 8080)
            .WithHttpEndpoint(port: 9000, name: "admin", isProxied: false)
            .WithExternalHttpEndpoints();

        var resources = await Published.PublishAsync(builder, _directory);

        AssertJson("""
            { "http": { "scheme": "http", "protocol": "tcp", "transport": "http", "port": 8080, "external": true },
              "admin": { "scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": 9000, "external": true } }
            """, resources["web"]!["bindings"]);
        Assert.Equal("{web.bindings.http.targetPort};{web.bindings.admin.targetPort}", (string?)resources["web"]!["env"]!["HTTP_PORTS"]);
    }

    [Fact]
    public async Task An_endpoint_with_a_variable_of_its_own_is_not_among_the_ports_to_serve()
    {
        var builder = Published.Builder(_directory);
        builder.AddProject("web", "Web/Web.csproj")
            .WithHttpEndpoint()
            .WithHttpEndpoint(name: "admin", targetPort: 9000, env: "ADMIN_PORT");

        var environment = (await Published.PublishAsync(builder, _directory))["web"]!["env"]!;

        Assert.Equal("{web.bindings.http.targetPort}", (string?)environment["HTTP_PORTS"]);
        Assert.Equal("{web.bindings.admin.targetPort}", (string?)environment["ADMIN_PORT"]);
    }

    public void Dispose() => _directory.Dispose();

    private static async Task PublishAppHostAsync(string path, params string[] arguments)
    {
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.Chat_AppHost>(
            ["--publisher", "manifest", "--output-path", path, .. arguments]);
        await using var app = await builder.BuildAsync();
        await app.RunAsync();
    }

    private static void AssertJson(string expected, JsonNode? actual) =>
        Assert.Equal(JsonNode.Parse(expected)!.ToJsonString(), actual?.ToJsonString());
}
