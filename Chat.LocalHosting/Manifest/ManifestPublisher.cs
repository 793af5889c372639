using System.Text.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Publishing;

namespace Chat.LocalHosting.Manifest;

/// <summary>Writes the manifest to a file; given a folder, to <c>aspire-manifest.json</c> in it. Nothing is started and no value is needed.</summary>
internal static class ManifestPublisher
{
    private const string DefaultName = "aspire-manifest.json";

    public static async Task<string> PublishAsync(
        DistributedApplicationModel model, DistributedApplicationExecutionContext context, string outputPath, CancellationToken cancellationToken)
    {
        var path = Path.GetExtension(outputPath) == ".json" ? outputPath : Path.Combine(outputPath, DefaultName);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await using var file = File.Create(path);
        await using var writer = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true });
        await new ManifestPublishingContext(context, path, writer).WriteModelAsync(model, cancellationToken);
        return path;
    }
}
