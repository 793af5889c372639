using Chat.Data.History;
using Chat.Data.Numbering;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Chat.Data;

/// <summary>Registers numbering and history. They stand on the <c>NpgsqlDataSource</c> and the <c>IConnectionMultiplexer</c> that the process has registered.</summary>
public static class RoomStoreServices
{
    public static IServiceCollection AddRoomStore(this IServiceCollection services)
    {
        services.AddHealthChecks().AddCheck<RedisRequirements>("redis-settings");
        services.TryAddSingleton<IRedisCommands, LibraryCommands>();
        return services
            .AddSingleton<RedisRequirements>()
            .AddSingleton<EpochGuards>()
            .AddSingleton<EpochStore>()
            .AddSingleton<OpenPartitions>()
            .AddSingleton<EventStore>()
            .AddSingleton<HotStream>()
            .AddSingleton<RoomNumbering>()
            .AddSingleton<DirectFanout>()
            .AddSingleton<HotChanges>()
            .AddSingleton<StoredChanges>()
            .AddSingleton<MessageOverlay>()
            .AddSingleton<TargetMessages>()
            .AddSingleton<RoomHistory>();
    }
}
