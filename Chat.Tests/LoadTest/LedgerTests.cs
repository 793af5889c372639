using Chat.LoadTest.Measuring;
using CsCheck;

namespace Chat.Tests.LoadTest;

/// <summary>The accounting of loads: whatever is lost, doubled or reordered on the way is found, and counted exactly.</summary>
public sealed class LedgerTests
{
    private static readonly byte[] Epoch = "0"u8.ToArray();

    // Rooms, members in each, publishes.
    private static readonly Gen<(int Rooms, int Members, int Publishes)> Loads = Gen.Select(Gen.Int[1, 4], Gen.Int[1, 4], Gen.Int[1, 200]);

    [Fact]
    public void A_perfect_run_has_nothing_to_tell() => Loads.Sample(load =>
    {
        var run = new Run(load.Rooms, load.Members, load.Publishes);
        run.Deliver(run.Perfect());
        var accounts = run.Ledger.Close();
        Assert.Equal(new Accounts { Publishes = load.Publishes, Acked = load.Publishes, Expected = (long)load.Publishes * load.Members, Delivered = (long)load.Publishes * load.Members }, accounts);
    });

    [Fact]
    public void Every_lost_delivery_is_counted() => Gen.Select(Loads, Gen.Int[0, 1_000_000]).Sample((load, seed) =>
    {
        var run = new Run(load.Rooms, load.Members, load.Publishes);
        var random = new Random(seed);
        var streams = run.Perfect();
        var (lost, holes) = (0, 0);
        foreach (var stream in streams)
        {
            var kept = stream.Where(_ => random.Next(5) > 0).ToList();
            lost += stream.Count - kept.Count;
            // What is missing before the first or behind the last leaves no visible hole: only the bits know.
            if (kept.Count > 0) holes += (int)(kept[^1].Seq - kept[0].Seq + 1) - kept.Count;
            stream.Clear();
            stream.AddRange(kept);
        }
        run.Deliver(streams);
        var accounts = run.Ledger.Close();
        Assert.Equal((lost, holes, 0L, 0L), (accounts.Lost, accounts.Holes, accounts.Duplicates, accounts.Reordered));
    });

    [Fact]
    public void Every_duplicate_is_counted() => Gen.Select(Loads, Gen.Int[0, 1_000_000]).Sample((load, seed) =>
    {
        var run = new Run(load.Rooms, load.Members, load.Publishes);
        var random = new Random(seed);
        var streams = run.Perfect();
        var doubled = 0;
        foreach (var stream in streams)
        {
            foreach (var again in stream.Where(_ => random.Next(5) == 0).ToList())
            {
                // Anywhere behind the first time.
                stream.Insert(random.Next(stream.IndexOf(again) + 1, stream.Count + 1), again);
                doubled++;
            }
        }
        run.Deliver(streams);
        var accounts = run.Ledger.Close();
        Assert.Equal((doubled, 0L, 0L, 0L), (accounts.Duplicates, accounts.Lost, accounts.Holes, accounts.Reordered));
    });

    [Fact]
    public void Every_reordered_event_is_counted_and_nothing_else() => Gen.Select(Loads, Gen.Int[0, 1_000_000]).Sample((load, seed) =>
    {
        var run = new Run(load.Rooms, load.Members, load.Publishes);
        var random = new Random(seed);
        var streams = run.Perfect();
        var late = 0;
        foreach (var stream in streams)
        {
            // The first stays the first: what came before a subscription is not waited for.
            for (var i = 1; i + 1 < stream.Count; i += 3)
            {
                if (random.Next(2) == 0) continue;
                (stream[i], stream[i + 1]) = (stream[i + 1], stream[i]);
                late++;
            }
        }
        run.Deliver(streams);
        var accounts = run.Ledger.Close();
        Assert.Equal((late, 0L, 0L, 0L), (accounts.Reordered, accounts.Lost, accounts.Holes, accounts.Duplicates));
    });

    [Fact]
    public void Any_mixture_of_faults_is_found()
    {
        Gen.Select(Loads.Where(load => load.Publishes >= 20), Gen.Int[0, 1_000_000]).Sample((load, seed) =>
        {
            var run = new Run(load.Rooms, load.Members, load.Publishes);
            var random = new Random(seed);
            var streams = run.Perfect();
            var (lost, doubled) = (0, 0);
            foreach (var stream in streams.Where(stream => stream.Count > 2))
            {
                stream.RemoveAt(random.Next(1, stream.Count - 1));
                stream.Add(stream[random.Next(stream.Count)]);
                (lost, doubled) = (lost + 1, doubled + 1);
            }
            run.Deliver(streams);
            var accounts = run.Ledger.Close();
            Assert.Equal((lost, lost, doubled), (accounts.Lost, accounts.Holes, accounts.Duplicates));
        });
    }

    [Fact]
    public void A_publish_without_an_ack_may_be_missing_for_all_and_not_for_some()
    {
        var run = new Run(rooms: 1, members: 3, publishes: 4);
        run.Ledger.Tell(1, PublishFate.Unanswered);
        run.Ledger.Tell(2, PublishFate.Refused);
        var streams = run.Perfect();
        // 1 came to nobody and had no number; 2 came to one of the three.
        foreach (var stream in streams) stream.RemoveAll(delivery => delivery.Publish == 1);
        foreach (var stream in streams.Skip(1)) stream.RemoveAll(delivery => delivery.Publish == 2);
        run.Deliver(streams);
        var accounts = run.Ledger.Close();
        Assert.Equal((2, 1, 1, 1), (accounts.Acked, accounts.Unanswered, accounts.Refused, accounts.CameWithoutAck));
        Assert.Equal((9L, 7L, 2L), (accounts.Expected, accounts.Delivered, accounts.Lost));
    }

    [Fact]
    public void A_message_that_nobody_sent_or_into_another_room_is_a_phantom()
    {
        var run = new Run(rooms: 2, members: 1, publishes: 4);
        run.Ledger.Tell(3, PublishFate.NotSent);
        foreach (var (publish, seq) in new[] { (-1, 1), (4, 2), (1, 3) }) Assert.False(run.Ledger.Take(0, seq, Epoch, publish));
        Assert.False(run.Ledger.Take(1, 1, Epoch, 3));
        Assert.Equal(4, run.Ledger.Close().Phantoms);
    }

    [Fact]
    public void Other_events_count_in_the_order_and_numbers_skip_where_an_epoch_begins()
    {
        var run = new Run(rooms: 1, members: 1, publishes: 3);
        Assert.True(run.Ledger.Take(0, 7, Epoch, 0));
        Assert.False(run.Ledger.Take(0, 8, Epoch, null));
        Assert.True(run.Ledger.Take(0, 9, Epoch, 1));
        Assert.True(run.Ledger.Take(0, 4294967297, "1"u8, 2));
        Assert.Equal((0L, 0L, 0L, 0L), Told(run));
        Assert.False(run.Ledger.Take(0, 4294967299, "1"u8, null));
        Assert.Equal((1L, 0L, 0L, 0L), Told(run));

        static (long, long, long, long) Told(Run run) => run.Ledger.Close() is var accounts ? (accounts.Holes, accounts.Duplicates, accounts.Reordered, accounts.Lost) : default;
    }

    [Fact]
    public void One_number_for_two_events_is_a_duplicate()
    {
        var run = new Run(rooms: 1, members: 1, publishes: 2);
        Assert.True(run.Ledger.Take(0, 1, Epoch, 0));
        Assert.True(run.Ledger.Take(0, 1, Epoch, 1));
        Assert.Equal((1L, 0L), (run.Ledger.Close().Duplicates, run.Ledger.Close().Lost));
    }

    private sealed record Delivery(int Publish, long Seq);

    /// <summary>Publishes that were all acknowledged.</summary>
    private sealed class Run
    {
        private readonly PublishSchedule _schedule;
        private readonly int[] _roomOfMember;

        public Run(int rooms, int members, int publishes)
        {
            _schedule = new PublishSchedule(publishes, rooms, TimeSpan.Zero, TimeSpan.FromSeconds(1));
            _roomOfMember = [.. Enumerable.Range(0, rooms * members).Select(member => member % rooms)];
            Ledger = new Ledger(_schedule, _roomOfMember);
            for (var publish = 0; publish < publishes; publish++) Ledger.Tell(publish, PublishFate.Acked);
        }

        public Ledger Ledger { get; }

        /// <summary>By member, what comes when nothing goes wrong.</summary>
        public List<List<Delivery>> Perfect() =>
            [.. _roomOfMember.Select(room => Enumerable.Range(0, _schedule.TurnsOf(room)).Select(turn => new Delivery(_schedule.PublishAt(room, turn), turn + 1)).ToList())];

        public void Deliver(List<List<Delivery>> streams)
        {
            for (var member = 0; member < streams.Count; member++)
                foreach (var delivery in streams[member]) Ledger.Take(member, delivery.Seq, Epoch, delivery.Publish);
        }
    }
}
