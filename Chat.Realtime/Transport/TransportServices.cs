using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Chat.Realtime.Transport;

internal static class TransportServices
{
    public static IHostApplicationBuilder AddTransport(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<TransportOptions>().BindConfiguration(TransportOptions.Section);
        // When a node dies, its thousands knock at the others within moments.
        services.Configure<SocketTransportOptions>(options => options.Backlog = 4_096);
        services.AddSingleton<EventLoop>();
        services.AddSingleton<Handshakes>();
        services.AddSingleton<FastSessions>();
        // Kestrel asks the factories in reverse order; what this one does not bind, its own does.
        services.AddSingleton<IConnectionListenerFactory, FrontDoors>();
        return builder;
    }
}
