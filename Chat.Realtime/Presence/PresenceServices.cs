using Chat.Realtime.Fanout;
using Chat.Realtime.Nodes;
using Chat.Realtime.Redis;
using Chat.ServiceDefaults.Leases;
using Npgsql;

namespace Chat.Realtime.Presence;

internal static class PresenceServices
{
    /// <summary>After <c>AddNodes</c>.</summary>
    public static IHostApplicationBuilder AddPresence(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<PresenceStore>();
        services.AddSingleton(provider => new PresenceAnnouncer(
            provider.GetRequiredService<PresenceStore>(), provider.GetRequiredService<LiveChannels>(), provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<PresenceAnnouncer>>()));
        services.AddSingleton(provider => new PresenceTracker(
            provider.GetRequiredService<PresenceStore>(), provider.GetRequiredService<PresenceAnnouncer>(), provider.GetRequiredService<LeaseKeeper>(),
            provider.GetRequiredService<LiveNodes>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<PresenceTracker>>()));
        services.AddSingleton<OnlineMembers>();
        services.AddSingleton(provider => new PresenceQuery(
            provider.GetRequiredService<PresenceStore>(), provider.GetRequiredService<OnlineMembers>(), provider.GetRequiredService<LiveNodes>(),
            provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<TypingRelay>();
        services.AddHostedService(provider => provider.GetRequiredService<PresenceAnnouncer>());
        services.AddHostedService(provider => provider.GetRequiredService<PresenceTracker>());
        services.AddHostedService<LostPresence>();
        services.AddHostedService(provider => provider.GetRequiredService<TypingRelay>());
        return builder;
    }
}
