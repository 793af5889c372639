using System.Globalization;
using System.Net;
using System.Text;

namespace Chat.LocalHosting.Dashboard;

/// <summary>The rows of the table, also fetched alone to refresh it.</summary>
internal static class ResourceRows
{
    public static string Render(IReadOnlyList<ResourceEntry> entries)
    {
        var html = new StringBuilder();
        foreach (var entry in entries)
        {
            var name = WebUtility.HtmlEncode(entry.Name);
            var state = entry.State ?? "Unknown";
            var running = entry.Pid is not null;
            html.Append(CultureInfo.InvariantCulture, $"""
                <tr data-name="{name}"><th scope="row"><button class="name" data-logs="{name}">{name}</button></th>
                <td>{WebUtility.HtmlEncode(entry.Type)}</td>
                <td><span class="state {Class(entry)}">{WebUtility.HtmlEncode(state)}</span></td>
                <td>{entry.Health ?? "–"}</td>
                <td>{(running ? entry.Pid : "–")}</td>
                <td>{(running ? $"<time datetime=\"{entry.StartedAt:O}\">{entry.StartedAt:HH:mm:ss}</time>" : "–")}</td>
                <td class="number">{(entry.CpuPercent is { } cpu ? $"{cpu:0.0} %" : "–")}</td>
                <td class="number">{(entry.MemoryBytes is { } bytes ? $"{bytes / 1048576} MiB" : "–")}</td>
                <td>{string.Join("<br>", entry.Urls.Select(Link))}</td>
                <td class="actions">{Button(name, "start", "Start", !running)}{Button(name, "stop", "Stop", CanStop(entry))}{Button(name, "restart", "Restart", running)}</td></tr>

                """);
        }
        return html.ToString();
    }

    // What waits, or failed and is tried again, can be told not to.
    private static bool CanStop(ResourceEntry entry) =>
        entry.Pid is not null || entry.State is "Waiting" or "Starting" or "FailedToStart" || entry is { State: "Exited", ExitCode: not 0 };

    private static string Class(ResourceEntry entry) => entry switch
    {
        { State: "Running", Health: "Healthy" } => "good",
        { State: "Running" or "Starting" or "Waiting" or "Stopping" } => "busy",
        { State: "NotStarted" } => "idle",
        _ => "bad",
    };

    private static string Link(string url)
    {
        var text = WebUtility.HtmlEncode(url);
        return url.StartsWith("http", StringComparison.Ordinal) ? $"<a href=\"{text}\" rel=\"noreferrer\" target=\"_blank\">{text}</a>" : text;
    }

    private static string Button(string name, string command, string label, bool enabled) =>
        $"<button data-command=\"{command}\" aria-label=\"{label} {name}\"{(enabled ? "" : " disabled")}>{label}</button>";
}
