using Chat.LoadTest.CommandLine;

namespace Chat.LoadTest.Tokens;

/// <summary>Finds the key that the platform checks tokens with.</summary>
internal static class SigningKey
{
    private const int MinBytes = 32;
    private const string Variable = "Chat__Auth__SigningKey";

    /// <summary>The variable goes first, then <c>signing.key</c> of the data directory.</summary>
    public static byte[] Find(string? dataDirectory)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given) return Decode(given, Variable);
        var path = Path.Combine(dataDirectory ?? Environment.GetEnvironmentVariable("CHAT_DATA") ?? ".data", "signing.key");
        if (!File.Exists(path))
            throw new UsageException($"There is no signing key at {Path.GetFullPath(path)}: start the platform once, name its data directory with --data, or set {Variable}.");
        return Decode(File.ReadAllText(path).Trim(), path);
    }

    private static byte[] Decode(string text, string origin)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var length) && length >= MinBytes
            ? bytes[..length]
            : throw new UsageException($"{origin} is not base64 of at least {MinBytes} bytes.");
    }
}
