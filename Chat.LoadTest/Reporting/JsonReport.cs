using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat.LoadTest.Reporting;

/// <summary>For programs: figures by their keys, and every point of every curve. A figure that is not available is null.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static string Render(Report report) => JsonSerializer.Serialize(
        new
        {
            report.Scenario,
            report.Summary,
            report.At,
            report.Held,
            report.Verdicts,
            Settings = report.Settings.ToDictionary(setting => setting.Name, setting => setting.Value),
            Figures = report.Figures.ToDictionary(figure => figure.Key, figure => figure.Value),
            report.Tables,
            Charts = report.Charts.Select(chart => new
            {
                chart.Title,
                chart.XUnit,
                chart.YUnit,
                Curves = chart.Curves.Select(curve => new { curve.Name, Points = curve.Points.Select(point => new[] { point.X, point.Y }) }),
            }),
            report.Notes,
        },
        Options) + "\n";
}
