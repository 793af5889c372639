namespace Chat.Realtime.Accounts;

internal static class AccountServices
{
    public static IHostApplicationBuilder AddAccounts(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<PasswordHasher>();
        services.AddSingleton<SignIns>();
        services.AddSingleton<Registration>();
        services.AddSingleton<PasswordLogin>();
        services.AddSingleton<Profiles>();
        services.AddHostedService<ExpiredSessions>();
        return builder;
    }
}
