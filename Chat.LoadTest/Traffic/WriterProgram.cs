using Chat.Contracts;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>How an operation is sent.</summary>
internal enum StepKind
{
    /// <summary>Once, and again only where no ack comes.</summary>
    Once,
    /// <summary>Again after its ack, by another way.</summary>
    Again,
    /// <summary>Over two connections, and so two nodes, at once.</summary>
    Race,
    /// <summary>Over HTTP, which has messages only.</summary>
    Http,
}

/// <summary>One operation of a program. <paramref name="Seed"/> decides how it is repeated.</summary>
/// <param name="Pause">Before it.</param>
/// <param name="Operation">What is wanted.</param>
/// <param name="Target">The earlier message of the same writer that it changes.</param>
/// <param name="Kind">The way.</param>
/// <param name="Seed">Of its repeats.</param>
internal sealed record WriterStep(TimeSpan Pause, Operation Operation, OperationKey? Target, StepKind Kind, int Seed);

/// <summary>What a writer does, from its seed alone: the same operations, in the same rooms, in the same ways.</summary>
internal sealed record WriterProgram(
    int Seed, string UserId, string Tag, IReadOnlyList<string> Rooms, DirectPeer Peer, int FirstRoute, TimeSpan MeanPause, LinkKind Transport)
{
    private const double ShareDirect = 0.15;
    private const double ShareVersion7 = 0.3;
    private const int LongContent = 4_000;
    // Most changes are about what was said just now, while it is still on its way to Postgres.
    private const int Recent = 5;
    private const double ShareOld = 0.25;
    // A message that is deleted already: its change must be refused, whatever has happened in between.
    private const double ShareDeleted = 0.1;
    private static readonly string[] Emojis = ["👍", "🎉", "❤️"];

    /// <summary>Endless.</summary>
    public IEnumerable<WriterStep> Steps()
    {
        var random = new Random(Seed);
        var rooms = Rooms.Append(Peer.RoomId).ToDictionary(room => room, _ => new OwnMessages());
        for (var n = 0; ; n++)
        {
            var direct = random.NextDouble() < ShareDirect;
            var room = direct ? Peer.RoomId : Rooms[random.Next(Rooms.Count)];
            // Clients that number their operations, and clients that use UUIDv7, which the platform knows for ever.
            var clientId = random.NextDouble() < ShareVersion7 ? $"{Version7(random)}" : $"{Tag}-{n}";
            var length = random.NextDouble() < 0.02 ? LongContent : random.Next(10, 200);
            var text = $"{Tag} {n} {new string('x', length)} ü ✓ \"\\";
            var kind = random.NextDouble() switch { < 0.05 => StepKind.Again, < 0.10 => StepKind.Race, < 0.15 => StepKind.Http, _ => StepKind.Once };
            var pause = MeanPause * (2 * random.NextDouble());
            var type = TypeOf(random.NextDouble());
            var target = rooms[room].Choose(random, type);
            // Without a message there is nothing to change yet.
            if (target is null && type != EventTypes.DataUpdate) type = EventTypes.ChatMessage;
            if (type != EventTypes.ChatMessage && kind == StepKind.Http) kind = StepKind.Once;

            var operation = new Operation(new OperationKey(UserId, room, clientId), ContentOf(type, text, random), direct && type == EventTypes.ChatMessage ? Peer.UserId : null) { EventType = type };
            if (type == EventTypes.ChatMessage) rooms[room].Add(operation.Key);
            if (type == EventTypes.MessageDeleted) rooms[room].Delete(target!.Value);
            yield return new WriterStep(pause, operation, type is EventTypes.ChatMessage or EventTypes.DataUpdate ? null : target, kind, random.Next());
        }
    }

    private static string TypeOf(double draw) => draw switch
    {
        < 0.60 => EventTypes.ChatMessage,
        < 0.70 => EventTypes.DataUpdate,
        < 0.82 => EventTypes.MessageEdited,
        < 0.91 => EventTypes.ReactionAdded,
        < 0.95 => EventTypes.ReactionRemoved,
        _ => EventTypes.MessageDeleted,
    };

    private static string? ContentOf(string type, string text, Random random) => type switch
    {
        EventTypes.MessageDeleted => null,
        EventTypes.ReactionAdded or EventTypes.ReactionRemoved => Emojis[random.Next(Emojis.Length)],
        _ => text,
    };

    // The moment is the clock's, the rest the seed's: an id with a wrong moment would be another case.
    private static Guid Version7(Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        Guid.CreateVersion7().TryWriteBytes(bytes, bigEndian: true, out _);
        random.NextBytes(bytes[9..]);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>What the writer has said in one room, and has not deleted.</summary>
    private sealed class OwnMessages
    {
        private readonly List<OperationKey> _standing = [];
        private readonly List<OperationKey> _deleted = [];

        public void Add(OperationKey message) => _standing.Add(message);

        public void Delete(OperationKey message)
        {
            if (_standing.Remove(message)) _deleted.Add(message);
        }

        public OperationKey? Choose(Random random, string type)
        {
            var (old, deleted, pick) = (random.NextDouble() < ShareOld, random.NextDouble() < ShareDeleted, random.NextDouble());
            // Each message is deleted once, so that there is one answer to when.
            var from = deleted && _deleted.Count > 0 && type != EventTypes.MessageDeleted ? _deleted : _standing;
            if (from.Count == 0) return null;
            var reach = old ? from.Count : Math.Min(Recent, from.Count);
            return from[from.Count - 1 - (int)(pick * reach)];
        }
    }
}

/// <summary>Whom a writer sends direct messages, and the room of the two.</summary>
internal sealed record DirectPeer(string UserId, string RoomId);
