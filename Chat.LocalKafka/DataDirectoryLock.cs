using System.Globalization;

namespace Chat.LocalKafka;

/// <summary>The data directory belongs to someone else.</summary>
public sealed class DataDirectoryInUseException(string message) : IOException(message);

/// <summary>Makes sure that one broker uses a data directory at a time. The system frees the lock when the process dies, however it dies.</summary>
internal sealed class DataDirectoryLock : IDisposable
{
    private readonly FileStream _file;

    private DataDirectoryLock(FileStream file) => _file = file;

    public static DataDirectoryLock Take(string directory)
    {
        var path = Path.Combine(directory, "lock");
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure) when (failure is not (DirectoryNotFoundException or FileNotFoundException))
        {
            throw new DataDirectoryInUseException(
                $"{directory} is in use by {ReadHolder(path)}. Stop that broker, or give this one another --data directory. ({failure.Message})");
        }

        // In a file of its own: the locked one cannot be read by others.
        try
        {
            File.WriteAllText(HolderPath(path), string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} ({Environment.ProcessPath})"));
        }
        catch (IOException)
        {
            File.Delete(HolderPath(path)); // A full disk: better no name than the last one's.
        }

        return new DataDirectoryLock(file);
    }

    public void Dispose() => _file.Dispose();

    private static string HolderPath(string path) => path + ".holder";

    private static string ReadHolder(string path) =>
        File.Exists(HolderPath(path)) ? File.ReadAllText(HolderPath(path)) : "another process";
}
