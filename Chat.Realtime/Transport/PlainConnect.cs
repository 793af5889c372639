using System.Net;
using System.Net.Sockets;

namespace Chat.Realtime.Transport;

/// <summary>Opens connections for the loop.</summary>
internal static class PlainConnect
{
    /// <summary>
    /// A connected socket that does not block. Only calls that complete at once are made on it: for others the runtime would watch it as well, and be woken by whatever arrives.
    /// Throws what kept it from being opened within <paramref name="patience"/>, <see cref="TimeoutException"/> among it. Holds its thread for as long.
    /// </summary>
    public static async Task<Socket> OpenAsync(EndPoint server, TimeSpan patience, CancellationToken cancellationToken)
    {
        var address = server is DnsEndPoint name ? new IPEndPoint((await Dns.GetHostAddressesAsync(name.Host, cancellationToken))[0], name.Port) : server;
        var isLocal = address.AddressFamily == AddressFamily.Unix;
        var socket = new Socket(address.AddressFamily, SocketType.Stream, isLocal ? ProtocolType.Unspecified : ProtocolType.Tcp) { Blocking = false };
        try
        {
            if (!isLocal) socket.NoDelay = true;
            try
            {
                socket.Connect(address);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                if (!socket.Poll(patience, SelectMode.SelectWrite)) throw new TimeoutException($"no connection within {patience.TotalMilliseconds} ms");
                if ((int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)! is not 0 and var error) throw new SocketException(error);
            }
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
