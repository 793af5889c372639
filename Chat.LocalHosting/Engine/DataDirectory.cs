using System.Globalization;
using Aspire.Hosting;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// Everything that must survive a restart. One engine at a time holds it: the lock is the kernel's,
/// so it is free as soon as its holder is gone, however it went.
/// </summary>
internal sealed class DataDirectory : IDisposable
{
    private const string Variable = "CHAT_DATA";

    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream lockFile)
    {
        Path = path;
        _lock = lockFile;
    }

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary><c>CHAT_DATA</c>, relative to the repository; <c>.data</c> there when it is not given.</summary>
    public static string PathFor(IDistributedApplicationBuilder builder)
    {
        var root = System.IO.Path.GetFullPath("..", builder.AppHostDirectory);
        return System.IO.Path.GetFullPath(builder.Configuration[Variable] is { Length: > 0 } given ? given : ".data", root);
    }

    /// <exception cref="DistributedApplicationException">Another engine holds the directory.</exception>
    public static DataDirectory Open(string path)
    {
        Directory.CreateDirectory(path);
        var lockPath = System.IO.Path.Combine(path, "engine.lock");
        var holderPath = System.IO.Path.Combine(path, "engine.pid");
        FileStream lockFile;
        try
        {
            lockFile = new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure)
        {
            var holder = File.Exists(holderPath) ? File.ReadAllText(holderPath).Trim() : "another process";
            throw new DistributedApplicationException(
                $"The data directory {path} is in use by {holder}. Stop that one, or set {Variable} to another directory (and CHAT_HTTP_PORT, CHAT_HTTPS_PORT and CHAT_DASHBOARD_PORT to free ports).", failure);
        }
        File.WriteAllText(holderPath, string.Create(
            CultureInfo.InvariantCulture, $"process {Environment.ProcessId}, started {DateTime.UtcNow:yyyy-MM-dd HH:mm:ss} UTC\n"));
        return new DataDirectory(path, lockFile);
    }

    public void Dispose()
    {
        File.Delete(this["engine.pid"]);
        _lock.Dispose();
    }
}
