using System.Globalization;
using System.Net;
using System.Text;
using Chat.LoadTest.Faults;

namespace Chat.LoadTest.Reporting;

/// <summary>A page for people: one file, nothing loaded from elsewhere, light and dark as the reader's system is.</summary>
internal static class HtmlReport
{
    private const string Style = """
        :root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6470;--page:#fff;--line:#d9dee4;--flow:#2f7d5b;--fault:#c2542d;--bad:#b3261e}
        @media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa4b1;--page:#14171b;--line:#303740;--flow:#5fbf94;--fault:#e58a63;--bad:#ff8a80}}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:72rem;margin:2rem auto;padding:0 1rem}
        h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
        th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
        .wide{overflow-x:auto}.bad{color:var(--bad)}.soft{color:var(--soft)}svg{width:100%;min-width:48rem;height:auto}svg text{fill:var(--soft);font:11px system-ui,sans-serif}
        """;

    public static string Render(FaultRunResult result)
    {
        var figures = RunFigures.Of(result);
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture, $"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
            <title>Fault run, seed {result.Seed}</title><style>{Style}</style></head><body>
            <h1>Fault run, seed {result.Seed}</h1>
            <p{(figures.Violations > 0 ? " class=\"bad\"" : "")}>{Escape(figures.Lines().Last())}</p>
            <h2>Timeline</h2>
            <p class="soft">Successful acks in each second, and below them each fault from the first harm until everything was healthy again.</p>
            <div class="wide">{Timeline.Render(result)}</div>

            """);
        Violations(html, result);
        Faults(html, figures);
        Totals(html, figures);
        return html.Append("</body></html>\n").ToString();
    }

    private static void Violations(StringBuilder html, FaultRunResult result)
    {
        html.Append("<h2>Violations</h2>\n");
        if (result.Violations.Count == 0)
        {
            html.Append("<p>None.</p>\n");
            return;
        }
        html.Append("<div class=\"wide\"><table><tr><th>verdict<th>room<th>what<th class=\"n\">at, s</tr>\n");
        foreach (var violation in result.Violations)
            html.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"bad\">{Escape(violation.Verdict)}<td>{Escape(violation.RoomId)}<td>{Escape(violation.Detail)}<td class=\"n\">{violation.At?.TotalSeconds:0.000}</tr>\n");
        html.Append("</table></div>\n");
    }

    private static void Faults(StringBuilder html, RunFigures figures)
    {
        html.Append("<h2>Faults</h2>\n<div class=\"wide\"><table><tr><th class=\"n\">at, s<th>fault<th>of<th class=\"n\">healthy after, s<th class=\"n\">longest without an ack, s<th class=\"n\">acked within 1 s</tr>\n");
        foreach (var fault in figures.Faults)
            html.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"n\">{fault.Window.From.TotalSeconds:0.0}<td>{Escape(fault.Window.Name)}<td>{Escape(fault.Window.Target)}<td class=\"n\">{(fault.Window.HealthyAt - fault.Window.From).TotalSeconds:0.0}<td class=\"n\">{fault.LongestSilence.TotalSeconds:0.0}<td class=\"n\">{fault.WithinOneSecond:0.0%}</tr>\n");
        html.Append("</table></div>\n");
    }

    private static void Totals(StringBuilder html, RunFigures figures)
    {
        html.Append("<h2>Totals</h2>\n<table>\n");
        Row("operations", $"{figures.Operations}");
        foreach (var (type, count) in figures.Wishes) Row($"of them {type}", $"{count}");
        Row("tries", $"{figures.Attempts}");
        foreach (var (code, count) in figures.Failures) Row($"tries that ended as {code}", $"{count}");
        Row("events in history", $"{figures.Events}");
        Row("deliveries looked at", $"{figures.Sights}");
        Row("acked within 1 s", $"{figures.WithinOneSecond:0.00%}");
        Row("longest time without an ack", $"{figures.LongestSilence.TotalSeconds:0.0} s");
        Row("connections that readers lost", $"{figures.Outages}");
        Row("until they were back and caught up, median", $"{figures.RecoveryMedian.TotalSeconds:0.0} s");
        Row("until they were back and caught up, 99 %", $"{figures.RecoveryP99.TotalSeconds:0.0} s");
        html.Append("</table>\n");

        void Row(string name, FormattableString value) => html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Escape(name)}<td class=\"n\">{value.ToString(CultureInfo.InvariantCulture)}</tr>\n");
    }

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
