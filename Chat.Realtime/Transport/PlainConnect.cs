using System.Net;
using System.Net.Sockets;

namespace Chat.Realtime.Transport;

/// <summary>Opens connections for the loop.</summary>
internal static class PlainConnect
{
    /// <summary>
    /// A connected socket that does not block. Only calls that complete at once are made on it: for others the runtime would watch it as well, and be woken by whatever arrives.
    /// Of a name with several addresses, the first that answers. Throws what kept it from being opened within <paramref name="patience"/>, <see cref="TimeoutException"/> among it.
    /// </summary>
    public static async Task<Socket> OpenAsync(EndPoint server, TimeSpan patience, CancellationToken cancellationToken)
    {
        EndPoint[] addresses = [server];
        if (server is DnsEndPoint name)
        {
            var found = await Dns.GetHostAddressesAsync(name.Host, cancellationToken).WaitAsync(patience, cancellationToken);
            addresses = [.. found.Select(address => new IPEndPoint(address, name.Port))];
            if (addresses.Length == 0) throw new SocketException((int)SocketError.HostNotFound);
        }
        // A thread of its own: it may be held for as long as the patience lasts, and when Redis is away others need the pool.
        return await Task.Factory.StartNew(() => Connect(addresses, patience / addresses.Length), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    internal static Socket Connect(EndPoint[] addresses, TimeSpan patienceForEach)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                return Connect(addresses[i], patienceForEach);
            }
            catch (Exception e) when (e is SocketException or TimeoutException && i < addresses.Length - 1)
            {
                // The next address may answer.
            }
        }
    }

    private static Socket Connect(EndPoint address, TimeSpan patience)
    {
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
