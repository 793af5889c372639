using System.Globalization;

namespace Chat.LoadTest.Platform;

/// <summary>What Linux says of a process and its children. Null where it says nothing: the process has ended, or this is no Linux.</summary>
internal static class ProcessUsage
{
    // USER_HZ is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;
    // Counted behind the name, from 0: utime, stime, cutime, cstime. The last two are of children that have ended, so none is counted twice.
    private const int UserTime = 11;
    private const int EndedChildrenSystemTime = 14;

    /// <param name="pid">Of the process.</param>
    /// <param name="children">Of <see cref="ProcessTree.ChildrenOfAll"/>.</param>
    public static double? CpuSeconds(int pid, ILookup<int, int> children)
    {
        if (!OperatingSystem.IsLinux() || Of(pid) is not { } own) return null;
        return own + children[pid].Sum(child => Of(child) ?? 0);

        static double? Of(int pid) =>
            ProcessTree.StatOf(pid) is { } stat ? stat[UserTime..(EndedChildrenSystemTime + 1)].Sum(ticks => long.Parse(ticks, CultureInfo.InvariantCulture)) / TicksPerSecond : null;
    }

    /// <param name="pid">Of the process.</param>
    /// <param name="children">Of <see cref="ProcessTree.ChildrenOfAll"/>.</param>
    public static MemoryUse? Memory(int pid, ILookup<int, int> children)
    {
        if (!OperatingSystem.IsLinux() || Of(pid) is not { } own) return null;
        return children[pid].Select(Of).OfType<MemoryUse>().Aggregate(own, (sum, child) => new MemoryUse(sum.PssBytes + child.PssBytes, sum.RssBytes + child.RssBytes));

        static MemoryUse? Of(int pid)
        {
            try
            {
                var lines = File.ReadAllLines($"/proc/{pid}/smaps_rollup");
                return new MemoryUse(Bytes("Pss:"), Bytes("Rss:"));

                long Bytes(string name) => 1024 * long.Parse(
                    lines.First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException or InvalidOperationException)
            {
                return null; // it has ended, or belongs to another user
            }
        }
    }
}

/// <summary>Memory of a process with its children. What is shared counts for each in <paramref name="RssBytes"/>, and by parts in <paramref name="PssBytes"/>.</summary>
internal sealed record MemoryUse(long PssBytes, long RssBytes);
