using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Auth;

internal static class AuthServices
{
    public static IHostApplicationBuilder AddAuth(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<AuthOptions>().BindConfiguration(AuthOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<AuthOptions>, AuthOptionsValidator>();
        services.AddSingleton<ForeignIssuers>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<Tickets>();
        services.AddSingleton<UserDirectory>();
        services.AddSingleton<EndedSessions>();
        services.AddHostedService(provider => provider.GetRequiredService<EndedSessions>());
        services.AddSingleton<TokenAuthenticator>();
        services.AddAuthentication(BearerAuthentication.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, BearerAuthentication>(BearerAuthentication.SchemeName, null);
        services.AddAuthorization();
        return builder;
    }
}
