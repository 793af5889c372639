// A service that tells about itself and dies when asked to.
var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
var app = builder.Build();
app.MapGet("/health", () => Results.Ok());
app.MapGet("/pid", () => Environment.ProcessId);
app.MapGet("/variables/{name}", (string name) => Environment.GetEnvironmentVariable(name));
app.MapPost("/die", () => Environment.Exit(3));
app.Run();
