using System.Net;
using System.Net.Sockets;

namespace Chat.LocalHosting.Processes;

/// <summary>
/// Picks free loopback ports below the range that the kernel takes for outgoing connections (32768 and up on Linux):
/// so no client's connection can sit on the port of a process that is down for a moment and comes back under the same port.
/// A process is given each port once before any comes again, so that two who have not begun to listen yet do not get the same one.
/// </summary>
public static class LoopbackPort
{
    private const int First = 20_000;
    private const int End = 32_000;
    private const int Attempts = 200;
    private static int _last = Random.Shared.Next(End - First);

    /// <param name="taken">Ports that are spoken for, though nobody may listen on them yet.</param>
    public static int Pick(IReadOnlySet<int>? taken = null)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref _last) % (End - First));
            if (taken?.Contains(port) != true && IsFree(port))
                return port;
        }
        throw new InvalidOperationException($"No free loopback port between {First} and {End} in {Attempts} attempts.");
    }

    public static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
