using Microsoft.Extensions.Options;

namespace Chat.Realtime.Limits;

internal static class LimitsServices
{
    public static IHostApplicationBuilder AddLimits(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<LimitOptions>().BindConfiguration(LimitOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<LimitOptions>, LimitOptionsValidator>();
        builder.Services.AddSingleton<RateLimiter>();
        builder.Services.AddSingleton<UserConnections>();
        return builder;
    }
}
