using Chat.Realtime.Publishing;

namespace Chat.Realtime.Outbox;

internal static class OutboxServices
{
    public static IHostApplicationBuilder AddOutbox(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<PublishEvent>(provider => provider.GetRequiredService<EventPublisher>().PublishAsync);
        services.AddSingleton<OutboxSender>();
        services.AddHostedService(provider => provider.GetRequiredService<OutboxSender>());
        services.AddSingleton<OutboxSweeper>();
        services.AddHostedService(provider => provider.GetRequiredService<OutboxSweeper>());
        return builder;
    }
}
