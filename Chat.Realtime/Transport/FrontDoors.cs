using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Transport;

/// <summary>Kestrel's transport where there is epoll: its TCP ports get a <see cref="FrontDoor"/> each.</summary>
internal sealed class FrontDoors(
    IServiceProvider services, IOptions<TransportOptions> options, IOptions<SocketTransportOptions> socketOptions, ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint && options.Value.IsFast;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        try
        {
            socket.Listen(socketOptions.Value.Backlog);
        }
        catch (System.Net.Sockets.SocketException e) when (e.SocketErrorCode == System.Net.Sockets.SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            throw new AddressInUseException(e.Message, e);
        }
        var door = new FrontDoor(
            socket, services.GetRequiredService<EventLoop>(), services.GetRequiredService<Handshakes>(), services.GetRequiredService<FastSessions>(),
            new SocketConnectionContextFactory(ForAccepted(socketOptions.Value), loggers.CreateLogger<FrontDoor>()),
            loggers.CreateLogger<FrontDoor>());
        await door.OpenAsync();
        return door;
    }

    // The same for an accepted socket as Kestrel's own transport takes from its options.
    private static SocketConnectionFactoryOptions ForAccepted(SocketTransportOptions options) => new()
    {
        IOQueueCount = options.IOQueueCount,
        WaitForDataBeforeAllocatingBuffer = options.WaitForDataBeforeAllocatingBuffer,
        MaxReadBufferSize = options.MaxReadBufferSize,
        MaxWriteBufferSize = options.MaxWriteBufferSize,
        UnsafePreferInlineScheduling = options.UnsafePreferInlineScheduling,
    };
}
