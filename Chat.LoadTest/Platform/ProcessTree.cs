using System.Globalization;

namespace Chat.LoadTest.Platform;

/// <summary>Which processes belong to which: Postgres is one process per connection.</summary>
internal static class ProcessTree
{
    public static IReadOnlyList<int> ChildrenOf(int pid) => [.. ChildrenOfAll()[pid]];

    /// <summary>Children by their parent, in one look at everything that runs.</summary>
    public static ILookup<int, int> ChildrenOfAll()
    {
        if (!OperatingSystem.IsLinux()) return Array.Empty<int>().ToLookup(pid => pid);
        var parents = new List<(int Parent, int Child)>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory.AsSpan()), out var candidate) && StatOf(candidate) is { } stat) parents.Add((int.Parse(stat[1], CultureInfo.InvariantCulture), candidate));
        }
        return parents.ToLookup(pair => pair.Parent, pair => pair.Child);
    }

    /// <summary>What <c>/proc/PID/stat</c> says behind the name: state, parent and on; null when the process has ended.</summary>
    public static string[]? StatOf(int pid)
    {
        try
        {
            // "pid (name) state ppid …"; the name may have spaces and brackets.
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
    }
}
