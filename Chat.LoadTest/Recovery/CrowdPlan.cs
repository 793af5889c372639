namespace Chat.LoadTest.Recovery;

/// <summary>Which rooms there are, and who follows which: rooms of the size of a team, drawn for each client.</summary>
internal sealed record CrowdPlan
{
    public const int RoomsPerClient = 3;
    public const int MembersPerRoom = 50;

    public required IReadOnlyList<string> Rooms { get; init; }

    /// <summary>By client.</summary>
    public required IReadOnlyList<IReadOnlyList<string>> Followed { get; init; }

    public static CrowdPlan Make(int seed, string tag, int clients)
    {
        var random = new Random(seed);
        var rooms = Enumerable.Range(0, Math.Max(RoomsPerClient, clients * RoomsPerClient / MembersPerRoom)).Select(i => $"{tag}-room-{i}").ToArray();
        return new CrowdPlan
        {
            Rooms = rooms,
            Followed = [.. Enumerable.Range(0, clients).Select(IReadOnlyList<string> (_) => Draw())],
        };

        string[] Draw()
        {
            var drawn = new HashSet<string>();
            while (drawn.Count < RoomsPerClient) drawn.Add(rooms[random.Next(rooms.Length)]);
            return [.. drawn];
        }
    }
}
