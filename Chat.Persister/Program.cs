using Chat.Data.Model;
using Chat.Persister;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults();
builder.AddRedisClient("redis", configureOptions: RedisTimeouts.Set);
builder.AddNpgsqlDataSource("chatdb", settings => settings.ConnectionString = PostgresClient.Configure(settings.ConnectionString));
builder.AddNpgsqlDbContext<ChatDb>("chatdb", settings => settings.ConnectionString = PostgresClient.Configure(settings.ConnectionString));
builder.AddPersister();

var app = builder.Build();
app.MapDefaultEndpoints();
app.Run();
