using Chat.Data.Numbering;
using Chat.Realtime.Access;
using Chat.Realtime.Limits;
using Chat.Realtime.Log;
using Chat.Realtime.Reading;
using Chat.Realtime.Sequencing;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Publishing;

internal static class PublishingServices
{
    /// <summary>From a message to its ack: the sender, the log, the sequencers.</summary>
    public static IHostApplicationBuilder AddPublishing(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<LogOptions>().BindConfiguration(LogOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<LogOptions>, LogOptionsValidator>();
        services.AddSingleton<EventLog>();
        services.AddHostedService(provider => provider.GetRequiredService<EventLog>());
        services.AddSingleton<NumberedDelivery>();
        services.AddSingleton<RoomSequencers>();
        services.AddSingleton<EarlierIds>();
        services.AddSingleton<NumberingAtStart>();
        services.AddHostedService(provider => provider.GetRequiredService<NumberingAtStart>());
        services.AddSingleton<KnownEvents>();
        services.AddSingleton<StorageHeadroom>();
        services.AddSingleton<Mentions>();
        services.AddSingleton(provider => new EventPublisher(
            provider.GetRequiredService<EventLog>(), provider.GetRequiredService<RoomSequencers>(), provider.GetRequiredService<OpenPartitions>(),
            provider.GetRequiredService<EpochStore>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<EventSender>();
        services.AddSingleton<Notices>();
        services.AddSingleton<ChangeSender>();
        services.AddSingleton<DataUpdates>();
        services.AddSingleton(provider => new MessageSender(
            provider.GetRequiredService<EventSender>(), provider.GetRequiredService<Fanout.RoomAdmission>(), provider.GetRequiredService<Memberships>(),
            provider.GetRequiredService<Mentions>(), provider.GetRequiredService<ReadMarkers>(), provider.GetRequiredService<Notices>()));
        return builder;
    }
}
