using Chat.Data.Model;
using Chat.Persister;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults();
builder.AddRedisClient("redis", configureOptions: RedisTimeouts.Set);
builder.AddNpgsqlDataSource("chatdb", settings => settings.ConnectionString = PreparedStatements.In(settings.ConnectionString));
builder.AddNpgsqlDbContext<ChatDb>("chatdb");
builder.AddPersister();

var app = builder.Build();
app.MapDefaultEndpoints();
app.Run();
