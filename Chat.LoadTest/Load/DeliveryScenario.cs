using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Reporting;

namespace Chat.LoadTest.Load;

/// <summary>Steady traffic: one large room (<c>fanout</c>), or many small ones (<c>rooms</c>).</summary>
internal sealed class DeliveryScenario : IScenario
{
    private readonly string _name;
    private readonly DeliveryPlan _plan;
    private readonly IReadOnlyList<Objective> _objectives;

    private DeliveryScenario(string name, Arguments arguments, int rooms, int membersPerRoom, int rate)
    {
        _name = name;
        Options = LoadOptions.Parse(arguments);
        ConnectionLimit.Check((long)rooms * membersPerRoom, Options);
        _plan = new DeliveryPlan(membersPerRoom, arguments.Number("bytes", 100, min: 16, max: 20_000), TrafficOptions.Schedule(arguments, rooms, rate, seconds: 30));
        _objectives = DeliveryReport.Objectives(arguments);
    }

    public LoadOptions Options { get; }

    public static DeliveryScenario Fanout(IReadOnlyList<string> words)
    {
        var arguments = new Arguments(words, ["members", .. TrafficOptions.Names, .. DeliveryReport.ObjectiveNames, .. LoadOptions.Names]);
        return new DeliveryScenario("fanout", arguments, rooms: 1, arguments.Number("members", 1_000, min: 1, ConnectionLimit.Most), rate: 20);
    }

    public static DeliveryScenario Rooms(IReadOnlyList<string> words)
    {
        var arguments = new Arguments(words, ["rooms", "members", .. TrafficOptions.Names, .. DeliveryReport.ObjectiveNames, .. LoadOptions.Names]);
        return new DeliveryScenario("rooms", arguments, arguments.Number("rooms", 500, min: 1, ConnectionLimit.Most), arguments.Number("members", 4, min: 1, ConnectionLimit.Most), rate: 1_000);
    }

    public async Task<Report> RunAsync(Site site, CancellationToken stop)
    {
        await using var run = new DeliveryRun(site, _plan, stop);
        var outcome = await run.RunAsync((users, _) => run.OverWebSockets(users), meanwhile: null, stop);
        var figures = DeliveryReport.Figures(outcome);
        return new Report
        {
            Scenario = _name,
            Summary = FormattableString.Invariant($"{_plan.Schedule.Rate:0.##} publishes a second for {_plan.Schedule.Length.TotalSeconds:0.#} s into {_plan.Schedule.Rooms} rooms of {_plan.MembersPerRoom} members: {outcome.Accounts.Delivered} deliveries."),
            Settings = [.. Options.Settings, .. DeliveryReport.Settings(_plan)],
            Figures = figures,
            Verdicts = [.. _objectives.Select(objective => objective.Judge(figures))],
            Tables = [.. DeliveryReport.Tables(outcome)],
            Charts = [.. DeliveryReport.Charts(outcome)],
            Notes = [.. DeliveryReport.Notes(outcome)],
        };
    }
}
