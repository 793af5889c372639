using Chat.Data.History;
using Chat.Realtime.Fanout;

namespace Chat.Realtime.Reading;

internal static class ReadingServices
{
    public static IHostApplicationBuilder AddReading(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<ReadMarkerStore>();
        services.AddSingleton<UnreadCounter>();
        services.AddSingleton<OwnMarkers>();
        services.AddSingleton(provider => new ReadMarkers(
            provider.GetRequiredService<ReadMarkerStore>(), provider.GetRequiredService<OwnMarkers>(), provider.GetRequiredService<UnreadCounter>(),
            provider.GetRequiredService<RoomHistory>(), provider.GetRequiredService<LiveChannels>(), provider.GetRequiredService<TimeProvider>()));
        services.AddHostedService(provider => provider.GetRequiredService<OwnMarkers>());
        services.AddHostedService<ReadMarkerFlusher>();
        return builder;
    }
}
