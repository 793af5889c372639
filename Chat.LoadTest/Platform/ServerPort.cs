using System.Net;
using System.Net.Sockets;

namespace Chat.LoadTest.Platform;

/// <summary>
/// Free ports for servers that are killed and come back: below the range that the kernel takes for outgoing connections (32768 and up on
/// Linux), so that none of these sits on the port meanwhile.
/// </summary>
internal static class ServerPort
{
    private const int First = 20_000;
    private const int End = 32_000;
    private const int Attempts = 200;

    public static int Pick()
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var port = Random.Shared.Next(First, End);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                continue; // taken
            }
        }
        throw new InvalidOperationException($"No free port between {First} and {End} in {Attempts} attempts.");
    }
}
