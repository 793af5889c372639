using Chat.Client;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.StackExchangeRedis;
using StackExchange.Redis;

namespace Chat.Frontend.Session;

/// <summary>Registers how browsers sign in and stay signed in, on whichever frontend they land.</summary>
public static class BrowserSessionRegistration
{
    public static void AddBrowserSessions(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;

        // All frontends read each other's cookies: one name, one key ring.
        services.AddDataProtection().SetApplicationName("chat-frontend");
        services.AddOptions<KeyManagementOptions>().Configure<IConnectionMultiplexer>((options, redis) =>
            options.XmlRepository = new RedisXmlRepository(() => redis.GetDatabase(), Contracts.RedisKeys.BrowserKeys));

        services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(options =>
        {
            options.Cookie.Name = "chat.session";
            options.Cookie.HttpOnly = true;
            options.Cookie.SameSite = SameSiteMode.Lax;
            options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            options.ExpireTimeSpan = SharedTokens.Lifetime;
            options.SlidingExpiration = true;
            options.LoginPath = "/login";
            options.ReturnUrlParameter = "from";
        });
        services.AddAuthorization();
        services.AddCascadingAuthenticationState();
        services.AddHttpContextAccessor();

        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<SharedTokens>();
        services.AddScoped<SignIn>();
        services.AddSingleton<BrowserAddress>();
        services.AddTransient<ForwardedAddress>();
        // All of these are POST, which the service defaults never repeat: a refresh token that is used twice ends its session.
        services.AddHttpClient<AnonymousApi>(http => http.Configure()).AddHttpMessageHandler<ForwardedAddress>();
        services.AddHttpClient(ApiClient.Name, http => http.Configure());
    }

    private static void Configure(this HttpClient http)
    {
        http.BaseAddress = new Uri("http://realtime");
        http.Timeout = AnonymousApi.Timeout;
    }
}

/// <summary>Name of the HTTP client for calls in the name of a signed-in user.</summary>
public static class ApiClient
{
    public const string Name = "chat-api";

    public static ChatApi Create(IHttpClientFactory clients, Func<CancellationToken, Task<string?>> accessToken) =>
        new(clients.CreateClient(Name), accessToken);
}
