namespace Chat.LoadTest.Measuring;

/// <summary>
/// Accounts for every pair of a publish and a member of its room: it came or it is lost. What was acknowledged must come, and so must what anybody saw: an event is
/// durable before it is shown. A publish without an ack that nobody saw may be in no room, and counts apart.
/// </summary>
/// <param name="schedule">The publishes.</param>
/// <param name="roomOfMember">By member.</param>
internal sealed class Ledger(PublishSchedule schedule, IReadOnlyList<int> roomOfMember)
{
    private readonly MemberLedger[] _members = [.. roomOfMember.Select(room => new MemberLedger(schedule.TurnsOf(room)))];
    private readonly PublishFate[] _fates = new PublishFate[schedule.Count];
    private long _phantoms;

    /// <summary>To be called by one for each publish.</summary>
    public void Tell(int publish, PublishFate fate) => _fates[publish] = fate;

    public PublishFate FateOf(int publish) => _fates[publish];

    /// <param name="member">Who got it.</param>
    /// <param name="seq">Of the event.</param>
    /// <param name="epoch">Of the event.</param>
    /// <param name="publish">Which one its content says; null for an event that is no message, -1 for a message that is none of ours.</param>
    /// <returns>True when it is the first time that this publish came to this member.</returns>
    public bool Take(int member, long seq, ReadOnlySpan<byte> epoch, int? publish)
    {
        if (publish is { } number && (number < 0 || number >= schedule.Count || schedule.RoomOf(number) != roomOfMember[member] || _fates[number] == PublishFate.NotSent))
        {
            Interlocked.Increment(ref _phantoms);
            publish = null;
        }
        return _members[member].Take(seq, epoch, publish is { } known ? schedule.TurnOf(known) : null);
    }

    public Accounts Close()
    {
        var memberOfRoom = Enumerable.Range(0, roomOfMember.Count).ToLookup(member => roomOfMember[member], member => _members[member]);
        var accounts = new Accounts
        {
            Publishes = schedule.Count,
            Duplicates = _members.Sum(member => (long)member.Duplicates),
            Reordered = _members.Sum(member => (long)member.Reordered),
            Holes = _members.Sum(member => member.Holes),
            Phantoms = Interlocked.Read(ref _phantoms),
        };
        for (var publish = 0; publish < schedule.Count; publish++)
        {
            var members = memberOfRoom[schedule.RoomOf(publish)];
            var turn = schedule.TurnOf(publish);
            var (all, came) = (0, 0);
            foreach (var member in members)
            {
                all++;
                if (member.Has(turn)) came++;
            }
            var fate = _fates[publish];
            accounts = fate switch
            {
                PublishFate.Acked => accounts with { Acked = accounts.Acked + 1 },
                PublishFate.Refused => accounts with { Refused = accounts.Refused + 1 },
                PublishFate.Unanswered => accounts with { Unanswered = accounts.Unanswered + 1 },
                _ => accounts with { NotSent = accounts.NotSent + 1 },
            };
            if (fate != PublishFate.Acked && came == 0) continue;
            accounts = accounts with
            {
                Expected = accounts.Expected + all,
                Delivered = accounts.Delivered + came,
                CameWithoutAck = accounts.CameWithoutAck + (fate == PublishFate.Acked ? 0 : 1),
            };
        }
        return accounts;
    }
}
