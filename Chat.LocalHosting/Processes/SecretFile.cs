namespace Chat.LocalHosting.Processes;

/// <summary>A file that only its owner can read. It is complete or absent, never half-written.</summary>
internal static class SecretFile
{
    public static async Task WriteAsync(string path, string text, CancellationToken cancellationToken)
    {
        var unfinished = path + ".unfinished";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using (var writer = new StreamWriter(new FileStream(unfinished, options)))
            await writer.WriteAsync(text.AsMemory(), cancellationToken);
        File.Move(unfinished, path, overwrite: true);
    }
}
