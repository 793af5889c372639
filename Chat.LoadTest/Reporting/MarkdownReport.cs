using System.Globalization;
using System.Text;

namespace Chat.LoadTest.Reporting;

/// <summary>For a pull request or an issue: everything but the charts.</summary>
internal static class MarkdownReport
{
    public static string Render(Report report)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# Load test: {report.Scenario}\n\n{report.Summary}\n\n**{report.LastLine}**\n\n");
        if (report.Verdicts.Count > 0)
        {
            foreach (var verdict in report.Verdicts) text.Append(CultureInfo.InvariantCulture, $"* {(verdict.Held ? "met" : "**BREACH**")} – {verdict.Text}\n");
            text.Append('\n');
        }
        Tables(text, [new Table("Figures", ["figure", "value"], [.. report.Figures.Select(figure => new[] { figure.Label, figure.Text })]), .. report.Tables, SettingsOf(report)]);
        foreach (var note in report.Notes) text.Append(CultureInfo.InvariantCulture, $"* {note}\n");
        return text.ToString();
    }

    /// <summary>What the console shows at the end.</summary>
    public static string Tables(Report report)
    {
        var text = new StringBuilder();
        Tables(text, [new Table("Figures", ["figure", "value"], [.. report.Figures.Select(figure => new[] { figure.Label, figure.Text })]), .. report.Tables]);
        return text.ToString();
    }

    public static Table SettingsOf(Report report) =>
        new("Settings", ["setting", "value"], [.. report.Settings.Select(setting => new[] { setting.Name, setting.Value }), ["at", report.At.ToString("u", CultureInfo.InvariantCulture)]]);

    private static void Tables(StringBuilder text, IEnumerable<Table> tables)
    {
        foreach (var table in tables)
        {
            text.Append(CultureInfo.InvariantCulture, $"## {table.Title}\n\n| {string.Join(" | ", table.Heads)} |\n|---|{string.Concat(Enumerable.Repeat("--:|", table.Heads.Count - 1))}\n");
            foreach (var row in table.Rows) text.Append(CultureInfo.InvariantCulture, $"| {string.Join(" | ", row.Select(cell => cell.Replace("|", "\\|", StringComparison.Ordinal)))} |\n");
            text.Append('\n');
        }
    }
}
