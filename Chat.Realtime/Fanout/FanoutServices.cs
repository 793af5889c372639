using Chat.Realtime.History;
using Chat.Realtime.Transport;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout;

internal static class FanoutServices
{
    public static IHostApplicationBuilder AddFanout(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton(provider => new RedisSubscribers(
            provider.GetRequiredService<IConfiguration>(), provider.GetRequiredService<IConnectionMultiplexer>(),
            provider.GetRequiredService<IOptions<TransportOptions>>().Value.IsFast ? provider.GetRequiredService<EventLoop>() : null,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<RedisSubscribers>>()));
        services.AddSingleton<LocalRooms>();
        services.AddSingleton<UserFeeds>();
        services.AddSingleton<RoomAdmission>();
        services.AddSingleton<SharedHistory>();
        services.AddSingleton<RoomSubscriber>();
        services.AddSingleton<LiveChannels>();
        services.AddHostedService<FanoutHeartbeat>();
        return builder;
    }
}
