using System.Globalization;

namespace Chat.LoadTest.Recovery;

/// <summary>What a promise about time was measured to be.</summary>
/// <param name="What">In words.</param>
/// <param name="Connections">How many were open.</param>
/// <param name="Rounds">How often it was tried.</param>
/// <param name="Times">Of each client or writer of each round; <see cref="TimeSpan.MaxValue"/> where it never came.</param>
/// <param name="Limit">None for what is only told.</param>
internal sealed record Measurement(string What, int Connections, int Rounds, IReadOnlyList<TimeSpan> Times, TimeSpan? Limit)
{
    private readonly TimeSpan[] _sorted = [.. Times.Order()];

    public const string Head = "| what | connections | rounds | measured | median | 99 % | max | limit | beyond |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|";

    public int Beyond => Times.Count(time => time > Limit);

    public TimeSpan Median => At(0.5);

    public TimeSpan P99 => At(0.99);

    public TimeSpan Max => At(1);

    /// <summary>A row of a Markdown table.</summary>
    public string Row => string.Create(CultureInfo.InvariantCulture,
        $"| {What} | {Connections:N0} | {Rounds} | {Times.Count:N0} | {Text(Median)} | {Text(P99)} | {Text(Max)} | {(Limit is { } limit ? $"{limit.TotalSeconds:0.#} s" : "–")} | {(Limit is null ? "–" : $"{Beyond}")} |");

    private TimeSpan At(double share) => _sorted.Length == 0 ? TimeSpan.Zero : _sorted[Math.Max(0, (int)Math.Ceiling(share * _sorted.Length) - 1)];

    private static string Text(TimeSpan time) => time == TimeSpan.MaxValue ? "never" : string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s");
}
