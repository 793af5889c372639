using System.Runtime;

namespace Chat.LoadTest.Measuring;

/// <summary>
/// Puts off collections of this program's own heap: one stops all of its clients, on a busy machine for tens of milliseconds, and what they receive meanwhile would count as late.
/// When more than the memory set aside has been allocated the collector comes back by itself.
/// </summary>
internal sealed class CollectorRest : IDisposable
{
    // Half a minute of a storm over 15,000 connections allocates 170 MB, most of it for the new connections.
    private const long Bytes = 240L << 20;

    private CollectorRest()
    {
    }

    /// <summary>Collects, and then no more. One at a time.</summary>
    public static CollectorRest Begin()
    {
        try
        {
            _ = GC.TryStartNoGCRegion(Bytes);
        }
        catch (ArgumentOutOfRangeException)
        {
            // The heap may not become that large, as in a small container: then this run has collections like any program, as it has where the memory cannot be had now.
        }
        return new CollectorRest();
    }

    public void Dispose()
    {
        try
        {
            if (GCSettings.LatencyMode == GCLatencyMode.NoGCRegion) GC.EndNoGCRegion();
        }
        catch (InvalidOperationException)
        {
            return; // a collection has ended it since the look at the mode
        }
    }
}
