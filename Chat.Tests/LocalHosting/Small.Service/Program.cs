// A service that tells about itself, and is ill or dies when asked to.
var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
var app = builder.Build();
var ill = false;
app.MapGet("/health", () => Results.StatusCode(ill ? 503 : 200));
app.MapPut("/ill/{now}", (bool now) => ill = now);
app.MapGet("/pid", () => Environment.ProcessId);
app.MapGet("/variables/{name}", (string name) => Environment.GetEnvironmentVariable(name));
app.MapPost("/die", () => Environment.Exit(3));
app.Run();
