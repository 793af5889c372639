using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>Who writes and who reads, from the seed alone; only the run's tag, which keeps two runs on one system apart, is not in it.</summary>
internal sealed record TrafficPlan(IReadOnlyList<string> Rooms, IReadOnlyList<WriterProgram> Writers, IReadOnlyList<ReaderProgram> Readers)
{
    private const int RoomCount = 8;
    private const int WriterCount = 8;
    private const int ReaderCount = 6;
    private const int LateCount = 4;
    private const int RoomsPerReader = 4;
    // 8 writers with 6 operations a second each: enough to have something under way at every moment, and bearable on 2 cores.
    private static readonly TimeSpan MeanPause = TimeSpan.FromMilliseconds(160);

    /// <param name="seed">Of the run.</param>
    /// <param name="tag">Of the run; begins every room and user id.</param>
    /// <param name="length">Late readers come within it.</param>
    /// <param name="routes">How many there are.</param>
    /// <param name="directRoom">The room of two users.</param>
    public static TrafficPlan Make(int seed, string tag, TimeSpan length, int routes, Func<string, string, string> directRoom)
    {
        var random = new Random(seed);
        string[] rooms = [.. Enumerable.Range(0, RoomCount).Select(i => $"{tag}-room{i}")];
        string[] users = [.. Enumerable.Range(0, WriterCount).Select(i => $"{tag}-w{i}")];
        // Two by two they are each other's peers.
        DirectPeer[] peers = [.. users.Select((user, i) => new DirectPeer(users[i ^ 1], directRoom(user, users[i ^ 1])))];
        WriterProgram[] writers = [.. users.Select((user, i) => new WriterProgram(random.Next(), user, $"w{i}", rooms, peers[i], i % routes, MeanPause, Via(i + 1)))];

        var readers = new List<ReaderProgram>();
        for (var i = 0; i < ReaderCount; i++)
            readers.Add(new($"reader {i}", $"{tag}-r{i}", random.Next(), Some(), i % routes, TimeSpan.Zero, i % 2 == 0 ? ReaderStart.Now : ReaderStart.SinceZero, Via(i)));
        for (var i = 0; i < LateCount; i++)
            readers.Add(new($"late reader {i}", $"{tag}-l{i}", random.Next(), Some(), random.Next(routes), length * (0.1 + 0.8 * random.NextDouble()), i % 2 == 0 ? ReaderStart.Now : ReaderStart.History, Via(i)));
        // A second device of each writer; it is in the room of its direct messages as well.
        for (var i = 0; i < WriterCount; i++)
            readers.Add(new($"device of w{i}", users[i], random.Next(), [peers[i].RoomId, rooms[i % RoomCount]], (i + 1) % routes, TimeSpan.Zero, ReaderStart.SinceZero, Via(i)));
        return new TrafficPlan(rooms, writers, readers);

        // One of three over SignalR.
        static LinkKind Via(int i) => i % 3 == 2 ? LinkKind.SignalR : LinkKind.WebSocket;

        string[] Some()
        {
            var shuffled = rooms.ToArray();
            random.Shuffle(shuffled);
            return shuffled[..RoomsPerReader];
        }
    }
}
