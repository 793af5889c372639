using Chat.Gateway;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
// The health check asks a cluster how it is, and the client library counts that among the administrator's commands.
builder.AddRedisClient("redis", configureOptions: options => options.AllowAdmin = true);
builder.AddGateway();

var app = builder.Build();
app.MapDefaultEndpoints();
app.MapGateway();
app.Run();
