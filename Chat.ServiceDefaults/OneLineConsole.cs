using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Chat.ServiceDefaults;

/// <summary>
/// One log event is one line: control characters in messages (a user name with CR, LF or ESC) are escaped,
/// so that nobody can forge a line or drive the terminal. Only an exception adds lines, indented.
/// </summary>
internal static class OneLineConsole
{
    private const string FormatterName = "chat";

    public static void AddOneLineConsole(this ILoggingBuilder logging)
    {
        logging.AddConsole(options => options.FormatterName = FormatterName);
        logging.AddConsoleFormatter<Formatter, ConsoleFormatterOptions>();
        // Genuine Aspire names the "simple" formatter in the environment; ours must win.
        logging.Services.PostConfigure<ConsoleLoggerOptions>(options => options.FormatterName = FormatterName);
    }

    private sealed class Formatter() : ConsoleFormatter(FormatterName)
    {
        public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
        {
            var line = new StringBuilder(160)
                .Append(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:HH:mm:ss.fff} {NameOf(logEntry.LogLevel)} {logEntry.Category}: ");
            AppendEscaped(line, logEntry.Formatter(logEntry.State, logEntry.Exception));
            line.Append('\n');
            if (logEntry.Exception is { } exception)
            {
                foreach (var part in exception.ToString().Split('\n'))
                {
                    AppendEscaped(line.Append("      "), part.TrimEnd('\r'));
                    line.Append('\n');
                }
            }
            textWriter.Write(line.ToString());
        }

        private static void AppendEscaped(StringBuilder line, string text)
        {
            foreach (var c in text)
            {
                if (char.IsControl(c) && c != '\t')
                    line.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                else
                    line.Append(c);
            }
        }

        private static string NameOf(LogLevel level) => level switch
        {
            LogLevel.Trace => "trce",
            LogLevel.Debug => "dbug",
            LogLevel.Information => "info",
            LogLevel.Warning => "warn",
            LogLevel.Error => "fail",
            LogLevel.Critical => "crit",
            _ => "none",
        };
    }
}
