using System.Globalization;
using System.Text;

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

        var holder = string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} ({Environment.ProcessPath})");
        file.SetLength(0);
        file.Write(Encoding.UTF8.GetBytes(holder));
        file.Flush();
        return new DataDirectoryLock(file);
    }

    public void Dispose() => _file.Dispose();

    private static string ReadHolder(string path)
    {
        try
        {
            using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            var holder = reader.ReadToEnd();
            return holder.Length > 0 ? holder : "another process";
        }
        catch (IOException)
        {
            return "another process"; // On Windows the lock also keeps readers out.
        }
    }
}
