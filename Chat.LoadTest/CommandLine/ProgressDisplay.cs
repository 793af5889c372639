using System.Globalization;
using Spectre.Console;

namespace Chat.LoadTest.CommandLine;

/// <summary>Says how far a run is: a bar on a terminal, a line now and then elsewhere.</summary>
internal sealed class ProgressDisplay
{
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);

    private readonly TextWriter _output;
    private readonly bool _isTerminal;

    public ProgressDisplay(TextWriter output)
    {
        _output = output;
        _isTerminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
    }

    public Task SayAsync(string line) => _output.WriteLineAsync(line);

    /// <param name="what">The part of the run.</param>
    /// <param name="work">Is given what tells its progress: a share from 0 to 1, and words. Several may call it at once.</param>
    public async Task ShowAsync(string what, Func<Action<double, string>, Task> work)
    {
        if (_isTerminal)
        {
            await AnsiConsole.Progress().Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn()).StartAsync(async display =>
            {
                var bar = display.AddTask(Markup.Escape(what));
                await work((share, words) =>
                {
                    bar.Value = 100 * Math.Min(1, share);
                    bar.Description = Markup.Escape($"{what} {words}");
                });
                bar.Value = 100;
            });
            return;
        }

        var gate = new Lock();
        var next = DateTime.UtcNow + LineEvery;
        await _output.WriteLineAsync(what);
        await work((share, words) =>
        {
            lock (gate)
            {
                if (DateTime.UtcNow < next) return;
                next = DateTime.UtcNow + LineEvery;
                _output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {Math.Min(1, share):0%} {words}"));
            }
        });
    }
}
