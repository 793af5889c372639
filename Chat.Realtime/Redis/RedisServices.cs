using Chat.Data;
using Chat.Realtime.Transport;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Redis;

internal static class RedisServices
{
    /// <summary>What <see cref="IRedisCommands"/> runs goes over the event loop where there is one. Before <see cref="RoomStoreServices.AddRoomStore"/>, which would take the library's.</summary>
    public static IServiceCollection AddRedisCommands(this IServiceCollection services) =>
        services.AddSingleton<IRedisCommands>(provider => provider.GetRequiredService<IOptions<TransportOptions>>().Value.IsFast
                ? ActivatorUtilities.CreateInstance<LoopCommands>(provider)
                : ActivatorUtilities.CreateInstance<LibraryCommands>(provider))
            .AddSingleton<AwayCommands>()
            .AddSingleton<EachKey>();
}
