using System.Globalization;
using System.Text;
using Chat.LoadTest.Faults;

namespace Chat.LoadTest.Reporting;

/// <summary>The page of a fault run.</summary>
internal static class HtmlReport
{
    public static string Render(FaultRunResult result)
    {
        var figures = RunFigures.Of(result);
        var html = new StringBuilder(Page.Begin($"Fault run, seed {result.Seed}"));
        html.Append($"""
            <p{(figures.Violations > 0 ? " class=\"bad\"" : "")}>{Escape(figures.Lines().Last())}</p>
            <h2>Timeline</h2>
            <p class="soft">Successful acks in each second, and below them each fault from the first harm until everything was healthy again.</p>
            <div class="wide">{Timeline.Render(result)}</div>

            """);
        Violations(html, result);
        Faults(html, figures);
        Totals(html, figures);
        return html.Append(Page.End).ToString();
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

    private static string Escape(string text) => Page.Escape(text);
}
