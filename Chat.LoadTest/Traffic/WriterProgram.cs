using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Traffic;

/// <summary>How a message is sent.</summary>
internal enum StepKind
{
    /// <summary>Once, and again only where no ack comes.</summary>
    Once,
    /// <summary>Again after its ack, by another way.</summary>
    Again,
    /// <summary>Over two nodes at once.</summary>
    Race,
    /// <summary>Over HTTP.</summary>
    Http,
}

/// <summary>One message of a program. <paramref name="Seed"/> decides how it is repeated.</summary>
internal sealed record WriterStep(TimeSpan Pause, Operation Operation, StepKind Kind, int Seed);

/// <summary>What a writer does, from its seed alone: the same messages, in the same rooms, in the same ways.</summary>
internal sealed record WriterProgram(int Seed, string UserId, string Tag, IReadOnlyList<string> Rooms, DirectPeer Peer, int FirstRoute, TimeSpan MeanPause)
{
    private const double ShareDirect = 0.15;
    private const double ShareVersion7 = 0.3;
    private const int LongContent = 4_000;

    /// <summary>Endless.</summary>
    public IEnumerable<WriterStep> Steps()
    {
        var random = new Random(Seed);
        for (var n = 0; ; n++)
        {
            var direct = random.NextDouble() < ShareDirect;
            var room = direct ? Peer.RoomId : Rooms[random.Next(Rooms.Count)];
            // Clients that number their messages, and clients that use UUIDv7, which the platform knows for ever.
            var clientId = random.NextDouble() < ShareVersion7 ? $"{Version7(random)}" : $"{Tag}-{n}";
            var length = random.NextDouble() < 0.02 ? LongContent : random.Next(10, 200);
            var kind = random.NextDouble() switch { < 0.05 => StepKind.Again, < 0.10 => StepKind.Race, < 0.15 => StepKind.Http, _ => StepKind.Once };
            var pause = MeanPause * (2 * random.NextDouble());
            var operation = new Operation(new OperationKey(UserId, room, clientId), $"{Tag} {n} {new string('x', length)} ü ✓ \"\\", direct ? Peer.UserId : null);
            yield return new WriterStep(pause, operation, kind, random.Next());
        }
    }

    // The moment is the clock's, the rest the seed's: an id with a wrong moment would be another case.
    private static Guid Version7(Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        Guid.CreateVersion7().TryWriteBytes(bytes, bigEndian: true, out _);
        random.NextBytes(bytes[9..]);
        return new Guid(bytes, bigEndian: true);
    }
}

/// <summary>Whom a writer sends direct messages, and the room of the two.</summary>
internal sealed record DirectPeer(string UserId, string RoomId);
