using Microsoft.Extensions.Logging;

namespace Chat.LocalHosting.Engine;

/// <summary>Sends the engine's own log where the services' output goes: one stream, lines whole and in order.</summary>
internal sealed class EngineLoggerProvider(ConsoleOutput console) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new EngineLogger(console);

    public void Dispose()
    {
    }

    private sealed class EngineLogger(ConsoleOutput console) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var text = formatter(state, exception);
            console.WriteLine("engine", 0, exception is null ? text : $"{text} {exception}");
        }
    }
}
