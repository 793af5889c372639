namespace Chat.LoadTest.Reporting;

/// <summary>A limit to one figure of a report.</summary>
/// <param name="Option">Where the limit comes from; empty for a promise of the platform that has no option.</param>
/// <param name="Key">Of the figure.</param>
/// <param name="Limit">In the unit of the figure.</param>
/// <param name="IsFloor">The figure must not be below it; else not above.</param>
internal sealed record Objective(string Option, string Key, double Limit, bool IsFloor = false)
{
    /// <summary>A figure that could not be had has not met its objective.</summary>
    public Verdict Judge(IReadOnlyList<Figure> figures)
    {
        var figure = figures.FirstOrDefault(figure => figure.Key == Key) ?? throw new InvalidOperationException($"No figure is called {Key}.");
        var held = figure.Value is { } value && (IsFloor ? value >= Limit : value <= Limit);
        var limit = (figure with { Value = Limit }).Text;
        return new Verdict(held, $"{figure.Label}: {figure.Text}, {(IsFloor ? "at least" : "at most")} {limit}{(Option.Length > 0 ? $" (--{Option})" : "")}");
    }
}

internal sealed record Verdict(bool Held, string Text);
