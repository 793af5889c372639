namespace Chat.LoadTest.Load;

/// <summary>A kind of load.</summary>
/// <param name="Name">The command.</param>
/// <param name="Help">What it does and its options, as the help shows them.</param>
/// <param name="Parse">Of the words behind the command.</param>
internal sealed record ScenarioKind(string Name, string Help, Func<IReadOnlyList<string>, IScenario> Parse);

/// <summary>Every kind of load there is.</summary>
internal static class ScenarioCatalogue
{
    private const string Common = """
        Loads publish on a schedule that no slow answer moves, and account for every pair of a message and a member. What is promised is
        judged always: nothing lost, doubled, out of order or missing. Options of all of them:
          --nodes N            of the system that is started (default 2; storm 3)
          --via gateway|nodes  where clients connect to (default gateway)
          --report FILE        .md, .json or .html, with charts; may be given several times
          --keep, --target URL --dashboard URL [--data DIRECTORY]
                               as for faults
        Of those with traffic (fanout, rooms, storm, soak, polling):
          --rate R             publishes a second, over all rooms
          --bytes N            of a message's text (default 100)
          --warm-up S          accounted for, and left out of latencies (default 5)
          --seconds S          what is measured (default 30)
          --p99-ms MS          the objective for latency (default none: it is only told)
          --max-loss N         of pairs of a message and a member (default 0)
          --max-failed N       publishes refused, unanswered or not sent (default 0; storm none)

        """;

    public static readonly IReadOnlyList<ScenarioKind> All =
    [
        new("fanout", """
            fanout    one large room
              --members N          of the room (default 1000), --rate 20
            """, DeliveryScenario.Fanout),
        new("rooms", """
            rooms     many small rooms
              --rooms M            how many (default 500)
              --members K          of each (default 4), --rate 1000
            """, DeliveryScenario.Rooms),
    ];

    public static string Help => Common + string.Join("\n", All.Select(kind => "\n" + kind.Help));

    public static ScenarioKind? Find(string name) => All.FirstOrDefault(kind => kind.Name == name);
}
