using Chat.LoadTest.CommandLine;

namespace Chat.LoadTest.Tokens;

/// <summary>Writes tokens for load tests, one user a line. The file is readable by its owner only: each line is a login.</summary>
internal static class TokensCommand
{
    private const int MaxCount = 1_000_000;

    public static async Task<int> RunAsync(IReadOnlyList<string> words, TextWriter output, CancellationToken stop)
    {
        var arguments = new Arguments(words, "count", "out", "prefix", "hours", "data");
        var count = arguments.Number("count", 100, min: 1, MaxCount);
        var prefix = arguments.Text("prefix") ?? "load";
        if (prefix.Length is 0 or > 24 || prefix.Any(c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c is not ('_' or '-' or '.')))
            throw new UsageException($"--prefix is '{prefix}': 1 to 24 of a-z 0-9 _ - . are allowed.");
        var expires = DateTimeOffset.UtcNow + TimeSpan.FromHours(arguments.Number("hours", 24, min: 1, 24 * 365));
        var tokens = new AccessTokens(SigningKey.Find(arguments.Text("data")));

        if (arguments.Text("out") is not { } path)
        {
            await WriteAsync(output);
            return ExitCodes.Success;
        }
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            await using var file = new StreamWriter(path, options);
            await WriteAsync(file);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path} cannot be written: {failure.Message}");
        }
        return ExitCodes.Success;

        async Task WriteAsync(TextWriter writer)
        {
            for (var i = 1; i <= count; i++)
            {
                stop.ThrowIfCancellationRequested();
                var user = $"{prefix}-{i:000000}";
                await writer.WriteAsync($"{tokens.Mint(user, user, expires)}\t{user}\t{user}\n");
            }
        }
    }
}
