using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Chat.Realtime.Transport;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout.PubSub;

/// <summary>Opens a connection to a Redis server, over TCP or TLS as the connection string says.</summary>
internal static class RedisStream
{
    /// <summary>
    /// Fails as the attempt does, or is cancelled after the connection string's time-out. With a <paramref name="loop"/> what arrives is handed on there, unless it comes over TLS.
    /// </summary>
    public static async Task<Stream> OpenAsync(ConfigurationOptions options, EndPoint server, EventLoop? loop, TimeProvider time, CancellationToken cancellationToken)
    {
        if (loop is not null && !options.Ssl)
            return new LoopStream(loop, await PlainConnect.OpenAsync(server, TimeSpan.FromMilliseconds(options.ConnectTimeout), cancellationToken));
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(options.ConnectTimeout), time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        var socket = server.AddressFamily switch
        {
            AddressFamily.Unspecified => new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }, // a name: whatever it resolves to
            AddressFamily.Unix => new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified),
            var family => new Socket(family, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true },
        };
        Stream? stream = null;
        try
        {
            await socket.ConnectAsync(server, ended.Token);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (!options.Ssl) return stream;
            var secured = new SslStream(stream, leaveInnerStreamOpen: false);
            stream = secured;
            await secured.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = string.IsNullOrWhiteSpace(options.SslHost) ? HostOf(server) : options.SslHost,
                EnabledSslProtocols = options.SslProtocols ?? default,
                CertificateRevocationCheckMode = options.CheckCertificateRevocation ? X509RevocationMode.Online : X509RevocationMode.NoCheck,
            }, ended.Token);
            return stream;
        }
        catch (Exception e)
        {
            if (stream is not null) await stream.DisposeAsync();
            socket.Dispose();
            if (e is OperationCanceledException && patience.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
                throw new TimeoutException($"no connection within {options.ConnectTimeout} ms", e);
            throw;
        }
    }

    private static string HostOf(EndPoint server) => server switch
    {
        DnsEndPoint name => name.Host,
        IPEndPoint address => address.Address.ToString(),
        _ => "",
    };
}
