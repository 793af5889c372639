using Microsoft.Extensions.Options;

namespace Chat.Realtime.Connections;

internal static class ConnectionsServices
{
    public static IHostApplicationBuilder AddConnections(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<ConnectionOptions>().BindConfiguration(ConnectionOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ConnectionOptions>, ConnectionOptionsValidator>();
        services.AddOptions<DrainOptions>().BindConfiguration(DrainOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<DrainOptions>, DrainOptionsValidator>();
        services.AddSingleton<ConnectionRegistry>();
        services.AddSingleton<ConnectionLifecycle>();
        services.AddSingleton<AllowedOrigins>();
        services.AddSingleton<OpeningRules>();
        services.AddSingleton<NodeCapacity>();
        services.AddSingleton<ConnectionLimits>();
        services.AddSingleton<WebSocketEndpoint>();
        services.AddSingleton<Newcomers>();
        services.AddSingleton<DrainState>();
        services.AddHostedService<Drain>();
        services.AddHostedService<ConnectionClock>();
        services.AddSingleton<RehearsalAtStart>();
        services.AddHostedService(provider => provider.GetRequiredService<RehearsalAtStart>());
        services.AddHostedService<IdleMemory>();
        return builder;
    }
}
