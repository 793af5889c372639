using System.Globalization;

namespace Chat.LoadTest.Reporting;

/// <summary>What a load scenario has to say, in whatever form it is written down.</summary>
internal sealed record Report
{
    /// <summary>The name of the command.</summary>
    public required string Scenario { get; init; }

    /// <summary>What was done, in one sentence.</summary>
    public required string Summary { get; init; }

    public DateTimeOffset At { get; init; } = DateTimeOffset.UtcNow;

    public required IReadOnlyList<Setting> Settings { get; init; }

    public required IReadOnlyList<Figure> Figures { get; init; }

    public IReadOnlyList<Verdict> Verdicts { get; init; } = [];

    public IReadOnlyList<Table> Tables { get; init; } = [];

    public IReadOnlyList<Chart> Charts { get; init; } = [];

    /// <summary>What a reader must know to read the figures.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    public bool Held => Verdicts.All(verdict => verdict.Held);

    public string LastLine => Held ? "all objectives met" : string.Join("; ", Verdicts.Where(verdict => !verdict.Held).Select(verdict => $"BREACH {verdict.Text}"));
}

/// <summary>An option as it was given or by default.</summary>
internal sealed record Setting(string Name, string Value);

/// <param name="Key">Its name for programs.</param>
/// <param name="Label">Its name for people.</param>
/// <param name="Value">Null where it is not available.</param>
/// <param name="Unit">Such as ms; empty for a count.</param>
internal sealed record Figure(string Key, string Label, double? Value, string Unit = "")
{
    public string Text => Value is { } value ? $"{Format(value)}{(Unit.Length > 0 ? " " : "")}{Unit}" : "not available";

    /// <summary>Digits that mean something.</summary>
    public static string Format(double value) => value.ToString(value == Math.Floor(value) || Math.Abs(value) >= 1_000 ? "#,0" : Math.Abs(value) >= 10 ? "0.0" : "0.000", CultureInfo.InvariantCulture);
}

/// <param name="Title">Over it.</param>
/// <param name="Heads">Of its columns; the first is text, the others are numbers.</param>
/// <param name="Rows">Each as long as <paramref name="Heads"/>.</param>
internal sealed record Table(string Title, IReadOnlyList<string> Heads, IReadOnlyList<IReadOnlyList<string>> Rows);

/// <param name="Title">Over it.</param>
/// <param name="XUnit">Of the horizontal axis.</param>
/// <param name="YUnit">Of the vertical one.</param>
/// <param name="Curves">One colour each.</param>
internal sealed record Chart(string Title, string XUnit, string YUnit, IReadOnlyList<Curve> Curves);

internal sealed record Curve(string Name, IReadOnlyList<Point> Points);

internal readonly record struct Point(double X, double Y);
