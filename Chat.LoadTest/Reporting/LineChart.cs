using System.Globalization;
using System.Text;

namespace Chat.LoadTest.Reporting;

/// <summary>Curves over one horizontal axis, as inline SVG. The vertical axis starts at 0.</summary>
internal static class LineChart
{
    private const int Width = 1_000;
    private const int Left = 60;
    private const int Plot = 180;
    private const int Axis = 18;
    private const int LegendHeight = 18;
    private const int LegendWidth = 235;
    private const int XTicks = 10;
    private const int YTicks = 4;
    // As many as the page has colours.
    private const int Colours = 8;

    public static string Render(Chart chart)
    {
        var points = chart.Curves.SelectMany(curve => curve.Points).ToList();
        var (from, to) = points.Count == 0 ? (0, 1) : (points.Min(point => point.X), points.Max(point => point.X));
        var width = Math.Max(to - from, 1e-9);
        var top = Nice(points.Select(point => point.Y).DefaultIfEmpty().Max());
        var legendRows = (chart.Curves.Count + 3) / 4;
        var height = Plot + Axis + legendRows * LegendHeight;
        double X(double x) => Left + (Width - Left - 10) * (x - from) / width;
        double Y(double y) => Plot - (Plot - 8) * y / top;

        var svg = new StringBuilder();
        Add($"<svg viewBox=\"0 0 {Width} {height}\" role=\"img\" aria-label=\"{Page.Escape(chart.Title)}\">");
        for (var tick = 0; tick <= YTicks; tick++)
        {
            var value = top * tick / YTicks;
            Add($"<line x1=\"{Left}\" y1=\"{Y(value):0.#}\" x2=\"{Width}\" y2=\"{Y(value):0.#}\" stroke=\"var(--line)\"/><text x=\"{Left - 6}\" y=\"{Y(value) + 4:0.#}\" text-anchor=\"end\">{Label(value)}{(tick == YTicks ? " " + Page.Escape(chart.YUnit) : "")}</text>");
        }
        for (var tick = 0; tick < XTicks; tick++)
        {
            var value = from + width * tick / XTicks;
            Add($"<text x=\"{X(value):0.#}\" y=\"{Plot + 13}\">{Label(value)} {Page.Escape(chart.XUnit)}</text>");
        }
        for (var i = 0; i < chart.Curves.Count; i++)
        {
            var colour = $"var(--c{i % Colours})";
            Add($"<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" d=\"");
            for (var p = 0; p < chart.Curves[i].Points.Count; p++)
                Add($"{(p == 0 ? 'M' : 'L')}{X(chart.Curves[i].Points[p].X):0.#} {Y(chart.Curves[i].Points[p].Y):0.#}");
            var (x, y) = (Left + i % 4 * LegendWidth, Plot + Axis + i / 4 * LegendHeight);
            Add($"\"/><rect x=\"{x}\" y=\"{y + 3}\" width=\"10\" height=\"10\" fill=\"{colour}\"/><text x=\"{x + 14}\" y=\"{y + 12}\">{Page.Escape(chart.Curves[i].Name)}</text>");
        }
        return svg.Append("</svg>").ToString();

        void Add(FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The next of 1, 2, 4, 5, 8 times a power of ten, so that the ticks are round.</summary>
    private static double Nice(double max)
    {
        if (max <= 0) return 1;
        var power = Math.Pow(10, Math.Floor(Math.Log10(max)));
        return new[] { 1, 2, 4, 5, 8, 10 }.First(step => step * power >= max * 0.999_999) * power;
    }

    private static string Label(double value) => value.ToString(Math.Abs(value) >= 1_000 ? "#,0" : "0.###", CultureInfo.InvariantCulture);
}
