using Chat.Realtime;

await NodeLifetime.RunAsync(Node.Build(WebApplication.CreateBuilder(args)));
