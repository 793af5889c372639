using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Chat.Data.Model;

/// <summary>Registers what stands on <see cref="ChatDb"/>, which the process has registered.</summary>
public static class ModelServices
{
    public static IServiceCollection AddChatModel(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<UnitOfWork>();
        services.TryAddSingleton<MigrationRunner>();
        return services;
    }
}
