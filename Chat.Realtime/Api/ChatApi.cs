using Chat.Contracts;
using Chat.Data.Model;
using Chat.Realtime.Access;
using Chat.Realtime.Accounts;
using Chat.Realtime.Auth;
using Chat.Realtime.Outbox;
using Microsoft.AspNetCore.Mvc;

namespace Chat.Realtime.Api;

/// <summary>The HTTP API below <c>/api</c> and its description at <c>/openapi/v1.json</c>.</summary>
public static class ChatApi
{
    /// <summary>24,000 bytes of content, each of which JSON may write as six, and the rest of the message.</summary>
    private const int MaxBodyBytes = 192 * 1024;

    /// <summary>Accounts, authentication, rooms, membership, outbox, and what the routes need.</summary>
    public static IHostApplicationBuilder AddChatApi(this IHostApplicationBuilder builder)
    {
        builder.AddAuth();
        builder.AddAccess();
        builder.AddAccounts();
        builder.AddOutbox();
        var services = builder.Services;
        services.AddChatModel();
        services.AddSingleton<LongPoll>();
        services.AddSingleton<IStartupFilter, ApiPipeline>();
        services.AddOpenApi(options => options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "Chat";
            document.Info.Description = "Rooms, messages and accounts of Chat. Errors are problem details with a code; see the protocol for their meaning.";
            return Task.CompletedTask;
        }));
        services.AddCors(options => options.AddPolicy(ApiPipeline.CorsPolicy, policy => policy
            .WithOrigins(builder.Configuration.GetSection("Chat:Origins").Get<string[]>() ?? [])
            .AllowAnyHeader().AllowAnyMethod().WithExposedHeaders("Link", "Retry-After", "Location")
            .SetPreflightMaxAge(TimeSpan.FromMinutes(10))));
        // A body that cannot be read is an exception like every other refusal, in whatever environment.
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(options => ApiJson.Configure(options.SerializerOptions));
        return builder;
    }

    /// <summary>Maps all routes of the API.</summary>
    public static IEndpointRouteBuilder MapChatApi(this IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/api").WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes));
        api.MapAuth();
        var signedIn = api.MapGroup("").RequireAuthorization().AddEndpointFilter<RequestLimit>();
        signedIn.MapProfile();
        signedIn.MapSessions();
        signedIn.MapRooms();
        signedIn.MapMembers();
        signedIn.MapMessages();
        routes.MapOpenApi("/openapi/v1.json");
        return routes;
    }
}
