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
        new("idle", """
            idle      memory of the nodes for a connection that does nothing, from the base to N
              --connections N      how many (default 5000), each in a room of 20
              --base N             how many first (default 1000)
              --max-kb-per-connection KB
                                   the objective, PSS (default none)
            """, IdleScenario.Parse),
        new("connect", """
            connect   connections a second that are accepted, authenticated and subscribed: of new users, then of the same again
              --connections N      how many (default 2000)
              --at-once N          that try at the same time (default 50)
              --min-rate R         the objective for both, a second (default none)
              --max-failed N       connections (default 0)
            """, ConnectScenario.Parse),
        new("storm", """
            storm     a node is killed under its connections: until all are back, recovered and served, and what the others notice
              --connections N      for each node (default 1000), in rooms of 50
              --back-within-s S    the objective for all of them (default 10)
              --p99-ms MS          is about the others' deliveries until then
            """, StormScenario.Parse),
        new("soak", """
            soak      light traffic for long: samples of memory, collectors and Redis, and whether the services grow
              --minutes M          how long (default 10)
              --connections N      how many (default 500), in rooms of 20, --rate 20
              --sample-seconds S   (default: 40 samples, at least one a minute)
              --max-growth-percent P
                                   of the PSS of each service, last quarter over second (default 20)
            """, SoakScenario.Parse),
        new("polling", """
            polling   the same messages over WebSockets, by short and by long polling: latency, bytes, requests, CPU
              --users N            in one room (default 200), --rate 2, --warm-up 10, --seconds 20 for each way
              --interval-ms MS     of short polling (default 1000)
              --p99-ms MS          is about the WebSockets
            """, PollingScenario.Parse),
    ];

    public static string Help => Common + string.Join("\n", All.Select(kind => "\n" + kind.Help));

    public static ScenarioKind? Find(string name) => All.FirstOrDefault(kind => kind.Name == name);
}
