namespace Chat.LocalHosting.Processes;

/// <summary>A file that only its owner can read. It is complete or absent, never half-written.</summary>
internal static class SecretFile
{
    public static void Write(string path, string text)
    {
        var unfinished = path + ".unfinished";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(unfinished, options))
        {
            using var writer = new StreamWriter(file, leaveOpen: true);
            writer.Write(text);
            writer.Flush();
            file.Flush(flushToDisk: true);
        }
        File.Move(unfinished, path, overwrite: true);
    }
}
