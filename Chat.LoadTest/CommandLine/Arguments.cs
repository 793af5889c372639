using System.Globalization;

namespace Chat.LoadTest.CommandLine;

/// <summary>Options as <c>--name value</c> or <c>--name=value</c>. One that the command does not know is an error, never ignored.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);

    public Arguments(IReadOnlyList<string> words, params string[] known)
    {
        for (var i = 0; i < words.Count; i++)
        {
            if (!words[i].StartsWith("--", StringComparison.Ordinal)) throw new UsageException($"'{words[i]}' is not an option; see --help.");
            var (name, value) = words[i][2..].Split('=', 2) is [var before, var after] ? (before, after) : (words[i][2..], null);
            if (!known.Contains(name)) throw new UsageException($"--{name} is not known here; known are {string.Join(", ", known.Select(k => "--" + k))}.");
            if (value is null && ++i >= words.Count) throw new UsageException($"--{name} needs a value.");
            if (!_values.TryGetValue(name, out var values)) _values[name] = values = [];
            values.Add(value ?? words[i]);
        }
    }

    public string? Text(string name) => Texts(name) switch
    {
        [] => null,
        [var only] => only,
        _ => throw new UsageException($"--{name} is given twice."),
    };

    /// <summary>Of an option that may be given several times.</summary>
    public IReadOnlyList<string> Texts(string name) => _values.GetValueOrDefault(name) ?? [];

    public Uri? Address(string name)
    {
        if (Text(name) is not { } text) return null;
        return Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address
            : throw new UsageException($"--{name} is '{text}': it must be an address such as http://localhost:8080.");
    }

    public int Number(string name, int usual, int min, int max) => (int)Number(name, (double)usual, min, max, NumberStyles.None);

    public double Number(string name, double usual, double min, double max) => Number(name, usual, min, max, NumberStyles.AllowDecimalPoint);

    private double Number(string name, double usual, double min, double max, NumberStyles style)
    {
        if (Text(name) is not { } text) return usual;
        return double.TryParse(text, style, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max
            ? number
            : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--{name} is '{text}': it must be a number from {min} to {max}."));
    }
}
