using System.Text.Json.Nodes;
using Aspire.Hosting;
using Chat.Tests.Backends;

namespace Chat.Tests.LocalHosting;

/// <summary>Publishes a model and reads the manifest.</summary>
internal static class Published
{
    public static IDistributedApplicationBuilder Builder(TestDirectory directory) =>
        DistributedApplication.CreateBuilder(["--publisher", "manifest", "--output-path", directory["manifest.json"]]);

    public static async Task<JsonNode> PublishAsync(IDistributedApplicationBuilder builder, TestDirectory directory)
    {
        await builder.Build().RunAsync();
        return JsonNode.Parse(await File.ReadAllTextAsync(directory["manifest.json"]))!["resources"]!;
    }
}
