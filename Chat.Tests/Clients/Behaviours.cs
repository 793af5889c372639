using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Chat.Tests.Clients;

/// <summary>
/// <c>clients/behaviours.json</c>: what every client of this repository must do. A test of a .NET client names the behaviour that it
/// proves with <see cref="Trait"/>; one of the JavaScript client begins with its id.
/// </summary>
internal static class Behaviours
{
    public const string Trait = "Behaviour";

    /// <summary>The folder <c>clients</c> of the repository.</summary>
    public static string Folder { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "clients"));

    public static IReadOnlyList<string> Ids { get; } = Read();

    private static string[] Read()
    {
        using var list = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "behaviours.json")));
        return [.. list.RootElement.EnumerateArray().Select(entry => entry.GetProperty("id").GetString()!)];
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
