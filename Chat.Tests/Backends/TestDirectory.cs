using Chat.Tests.Backends;

[assembly: AssemblyFixture(typeof(TestDirectory.Leftovers))]

namespace Chat.Tests.Backends;

/// <summary>
/// A temporary directory of this test run. Its name carries the process id, so that a later run removes what a killed one left behind.
/// </summary>
public sealed class TestDirectory : IDisposable
{
    private const string Prefix = "chat-tests-";

    public TestDirectory()
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"{Prefix}{Environment.ProcessId}-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    private static void RemoveLeftovers()
    {
        foreach (var directory in Directory.EnumerateDirectories(System.IO.Path.GetTempPath(), Prefix + "*"))
        {
            var pid = System.IO.Path.GetFileName(directory)[Prefix.Length..].Split('-')[0];
            if (Directory.Exists($"/proc/{pid}"))
                continue;
            try
            {
                Directory.Delete(directory, recursive: true);
            }
            catch (DirectoryNotFoundException)
            {
                // Another run that starts now removes the same one.
            }
        }
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    /// <summary>Cleans up once, before the first test.</summary>
    public sealed class Leftovers
    {
        public Leftovers() => RemoveLeftovers();
    }
}
