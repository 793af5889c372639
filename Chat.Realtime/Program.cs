using Chat.Realtime;

var app = Node.Build(WebApplication.CreateBuilder(args));
await app.RunAsync();
