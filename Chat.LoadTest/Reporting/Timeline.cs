using System.Globalization;
using System.Net;
using System.Text;
using Chat.LoadTest.Faults;

namespace Chat.LoadTest.Reporting;

/// <summary>Acks per second over the run, with the faults below, as inline SVG.</summary>
internal static class Timeline
{
    private const int Width = 1_000;
    private const int Left = 40;
    private const int CurveHeight = 120;
    private const int LaneHeight = 16;
    private const int Axis = 18;
    // Ticks that can be read: about one in 100 pixels.
    private const int Ticks = 10;

    public static string Render(FaultRunResult result)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(result.Length.TotalSeconds));
        var acks = new int[seconds + 1];
        foreach (var ack in result.Record.Acks) acks[Math.Min(seconds, (int)ack.At.TotalSeconds)]++;
        var top = Math.Max(1, acks.Max());
        var names = result.Faults.Select(window => window.Name).Distinct().Order(StringComparer.Ordinal).ToArray();
        var height = CurveHeight + Axis + names.Length * LaneHeight;
        double X(double second) => Left + (Width - Left) * second / seconds;

        var svg = new StringBuilder();
        Add($"<svg viewBox=\"0 0 {Width} {height}\" role=\"img\" aria-label=\"Acks per second and faults over {seconds} seconds\">");
        Add($"<text x=\"0\" y=\"12\">{top}/s</text><text x=\"0\" y=\"{CurveHeight}\">0</text>");
        Add($"<path fill=\"var(--flow)\" fill-opacity=\".35\" stroke=\"var(--flow)\" d=\"M{X(0):0.#} {CurveHeight}");
        for (var second = 0; second < seconds; second++) Add($"L{X(second + 0.5):0.#} {CurveHeight - (CurveHeight - 4.0) * acks[second] / top:0.#}");
        Add($"L{X(seconds):0.#} {CurveHeight}Z\"/>");
        for (var tick = 0; tick < Ticks; tick++)
        {
            var second = (int)((double)seconds * tick / Ticks);
            Add($"<line x1=\"{X(second):0.#}\" y1=\"0\" x2=\"{X(second):0.#}\" y2=\"{height}\" stroke=\"var(--line)\"/><text x=\"{X(second) + 3:0.#}\" y=\"{CurveHeight + 13}\">{second} s</text>");
        }
        foreach (var window in result.Faults)
        {
            var y = CurveHeight + Axis + Array.IndexOf(names, window.Name) * LaneHeight;
            var (from, width) = (X(window.From.TotalSeconds), Math.Max(2, X(window.HealthyAt.TotalSeconds) - X(window.From.TotalSeconds)));
            Add($"<rect x=\"{from:0.#}\" y=\"{y + 2}\" width=\"{width:0.#}\" height=\"{LaneHeight - 4}\" fill=\"var(--fault)\"><title>{Escape(window.Name)} of {Escape(window.Target)}</title></rect>");
            // Beside its bar, on the side where there is room.
            var right = from + width < Width - 160;
            Add($"<text x=\"{(right ? from + width + 4 : from - 4):0.#}\" y=\"{y + 12}\" text-anchor=\"{(right ? "start" : "end")}\">{Escape(window.Name)}</text>");
        }
        foreach (var at in result.Violations.Select(violation => violation.At).OfType<TimeSpan>())
            Add($"<line x1=\"{X(at.TotalSeconds):0.#}\" y1=\"0\" x2=\"{X(at.TotalSeconds):0.#}\" y2=\"{CurveHeight}\" stroke=\"var(--bad)\"/>");
        return svg.Append("</svg>").ToString();

        void Add(FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture));
    }

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
