using Chat.Realtime.Publishing;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Chat.Realtime.Outbox;

internal static class OutboxServices
{
    public static IHostApplicationBuilder AddOutbox(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.TryAddSingleton<PublishEvent>(provider => provider.GetRequiredService<EventPublisher>().PublishWhenOpenAsync);
        services.AddSingleton<OutboxSender>();
        services.AddHostedService(provider => provider.GetRequiredService<OutboxSender>());
        services.AddSingleton<OutboxSweeper>();
        services.AddHostedService(provider => provider.GetRequiredService<OutboxSweeper>());
        return builder;
    }
}
