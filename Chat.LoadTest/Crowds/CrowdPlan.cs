namespace Chat.LoadTest.Crowds;

/// <summary>Which rooms there are, and who follows which.</summary>
internal sealed record CrowdPlan
{
    public const int RoomsPerClient = 3;
    public const int MembersPerRoom = 50;

    public required IReadOnlyList<string> Rooms { get; init; }

    /// <summary>By client.</summary>
    public required IReadOnlyList<IReadOnlyList<string>> Followed { get; init; }

    /// <summary>Rooms of the same size, and each client in one of them.</summary>
    public static CrowdPlan OneRoomEach(string tag, int rooms, int membersPerRoom)
    {
        var names = Enumerable.Range(0, rooms).Select(i => $"{tag}-room-{i}").ToArray();
        // Neighbours are in different rooms, so that those who come at the same time spread over all of them.
        return new CrowdPlan { Rooms = names, Followed = [.. Enumerable.Range(0, rooms * membersPerRoom).Select(IReadOnlyList<string> (i) => [names[i % rooms]])] };
    }

    /// <summary>Rooms of the size of a team, drawn for each client.</summary>
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
