using System.Text;

namespace Chat.LoadTest.Reporting;

/// <summary>The report of a load scenario as a page, with its charts.</summary>
internal static class LoadPage
{
    public static string Render(Report report)
    {
        var html = new StringBuilder(Page.Begin($"Load test: {report.Scenario}"));
        html.Append($"<p>{Page.Escape(report.Summary)}</p>\n<p{(report.Held ? "" : " class=\"bad\"")}>{Page.Escape(report.LastLine)}</p>\n");
        if (report.Verdicts.Count > 0)
        {
            html.Append("<ul>\n");
            foreach (var verdict in report.Verdicts) html.Append($"<li{(verdict.Held ? "" : " class=\"bad\"")}>{(verdict.Held ? "met" : "BREACH")} – {Page.Escape(verdict.Text)}</li>\n");
            html.Append("</ul>\n");
        }
        Append(html, new Table("Figures", ["figure", "value"], [.. report.Figures.Select(figure => new[] { figure.Label, figure.Text })]));
        foreach (var chart in report.Charts) html.Append($"<h2>{Page.Escape(chart.Title)}</h2>\n<div class=\"wide\">{LineChart.Render(chart)}</div>\n");
        foreach (var table in report.Tables) Append(html, table);
        Append(html, MarkdownReport.SettingsOf(report));
        foreach (var note in report.Notes) html.Append($"<p class=\"soft\">{Page.Escape(note)}</p>\n");
        return html.Append(Page.End).ToString();
    }

    private static void Append(StringBuilder html, Table table)
    {
        html.Append($"<h2>{Page.Escape(table.Title)}</h2>\n<div class=\"wide\"><table>\n");
        Row("th", table.Heads);
        foreach (var row in table.Rows) Row("td", row);
        html.Append("</table></div>\n");

        void Row(string cell, IReadOnlyList<string> texts)
        {
            html.Append("<tr>");
            for (var i = 0; i < texts.Count; i++) html.Append($"<{cell}{(i > 0 ? " class=\"n\"" : "")}>{Page.Escape(texts[i])}");
            html.Append("</tr>\n");
        }
    }
}
