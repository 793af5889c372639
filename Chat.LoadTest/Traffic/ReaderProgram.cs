using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>What a reader does.</summary>
/// <param name="Name">For the report.</param>
/// <param name="UserId">Who reads; several may be one user's devices.</param>
/// <param name="Seed">Of its waits.</param>
/// <param name="Rooms">What it subscribes.</param>
/// <param name="FirstRoute">Where it connects first; after each loss, the next one.</param>
/// <param name="StartsAfter">Late ones come in the middle of everything.</param>
/// <param name="Start">From where it reads.</param>
/// <param name="Transport">How.</param>
internal sealed record ReaderProgram(
    string Name, string UserId, int Seed, IReadOnlyList<string> Rooms, int FirstRoute, TimeSpan StartsAfter, ReaderStart Start, LinkKind Transport);

/// <summary>From where a reader reads.</summary>
internal enum ReaderStart
{
    /// <summary>What comes from now on.</summary>
    Now,
    /// <summary>Everything, by <c>since_seq</c> 0 while the rooms are young.</summary>
    SinceZero,
    /// <summary>Everything, from history and then on.</summary>
    History,
}
