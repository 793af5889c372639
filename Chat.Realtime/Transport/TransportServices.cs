using Microsoft.AspNetCore.Connections;

namespace Chat.Realtime.Transport;

internal static class TransportServices
{
    public static IHostApplicationBuilder AddTransport(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<TransportOptions>().BindConfiguration(TransportOptions.Section);
        services.AddSingleton<EventLoop>();
        services.AddSingleton<Handshakes>();
        services.AddSingleton<FastSessions>();
        // Kestrel asks the factories in reverse order; what this one does not bind, its own does.
        services.AddSingleton<IConnectionListenerFactory, FrontDoors>();
        return builder;
    }
}
