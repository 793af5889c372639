using Microsoft.AspNetCore.Components.Server;

namespace Chat.Frontend.Shell;

/// <summary>What a browser that has gone away may keep on the server, and for how long.</summary>
public static class CircuitLimits
{
    public static void Apply(CircuitOptions options)
    {
        // Long enough for a train in a tunnel; the room and what was written come back also after it, from the browser.
        options.DisconnectedCircuitRetentionPeriod = TimeSpan.FromMinutes(2);
        // About 300 KB each with a full timeline: 60 MB at most.
        options.DisconnectedCircuitMaxRetained = 200;
        options.JSInteropDefaultCallTimeout = TimeSpan.FromSeconds(20);
        options.MaxBufferedUnacknowledgedRenderBatches = 10;
    }
}
