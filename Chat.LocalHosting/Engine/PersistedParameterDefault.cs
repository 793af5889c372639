using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Publishing;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// Makes the value once and keeps it in the data directory, readable by its owner only:
/// <c>signing-key</c> in <c>signing.key</c>, any other parameter in <c>{name}.key</c>.
/// </summary>
internal sealed class PersistedParameterDefault(string dataDirectory, string name, ParameterDefault inner) : ParameterDefault
{
    private const string Suffix = "-key";

    private string FilePath => Path.Combine(
        dataDirectory, (name.EndsWith(Suffix, StringComparison.Ordinal) ? name[..^Suffix.Length] : name) + ".key");

    public override string GetDefaultValue()
    {
        if (File.Exists(FilePath))
            return File.ReadAllText(FilePath).Trim();

        var value = inner.GetDefaultValue();
        Directory.CreateDirectory(dataDirectory);
        SecretFile.Write(FilePath, value);
        return value;
    }

    public override void WriteToManifest(ManifestPublishingContext context) => inner.WriteToManifest(context);
}
