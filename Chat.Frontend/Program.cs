using Chat.Frontend;
using Chat.Frontend.Security;
using Chat.Frontend.Session;
using Chat.Frontend.Shell;
using Chat.ServiceDefaults;
using Chat.ServiceDefaults.Leases;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults();
// The health check asks a cluster how it is, and the client library counts that among the administrator's commands.
builder.AddRedisClient("redis", configureOptions: options => options.AllowAdmin = true);
builder.AddFrontendLease();
builder.AddBrowserSessions();
builder.AddChatWorkspace();

builder.Services.AddRazorComponents().AddInteractiveServerComponents(CircuitLimits.Apply);

var app = builder.Build();

app.UseTrustedProxy();
app.UseContentSecurityPolicy();
app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
app.UseAuthentication();
app.UseAuthorization();
app.UseAntiforgery();

app.MapDefaultEndpoints();
app.MapStaticAssets();
app.MapSignOut();
app.MapRazorComponents<App>().AddInteractiveServerRenderMode(options => options.ContentSecurityFrameAncestorsPolicy = null);

app.Run();
