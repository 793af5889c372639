using Chat.Realtime.History;

namespace Chat.Realtime.Fanout;

internal static class FanoutServices
{
    public static IHostApplicationBuilder AddFanout(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<RedisSubscribers>();
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
