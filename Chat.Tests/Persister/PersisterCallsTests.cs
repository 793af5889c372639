using System.Text;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Data.Writing;
using Chat.Persister;
using Chat.Tests.Numbering;
using Confluent.Kafka;

namespace Chat.Tests.Persister;

/// <summary>What a batch costs Redis, and that what is not asked for is right all the same. The tests call the stages of a persister that does not run.</summary>
public sealed class PersisterCallsTests(PersisterServersFixture fixture) : IClassFixture<PersisterServersFixture>, IAsyncLifetime
{
    private readonly PersisterServers _servers = fixture.Servers;
    private readonly string _room = RoomStore.NewRoom();
    private readonly PersisterProcess _persister = fixture.Servers.BuildPersister();
    private int _offset;

    private RoomStore Store => _servers.Store;

    /// <summary>Two events that the persister has seen, so that it knows where the room's next ones are.</summary>
    public async ValueTask InitializeAsync()
    {
        var events = New(2);
        await Store.NumberAsync(_room, events);
        await PersistAsync(events);
    }

    public ValueTask DisposeAsync() => _persister.DisposeAsync();

    [Fact]
    public async Task A_batch_that_follows_what_was_written_costs_one_command_per_room()
    {
        var events = New(5);
        await Store.NumberAsync(_room, events);
        await ForgetCallsAsync();

        await PersistAsync(events);

        Assert.Equal((1, 0, 0), (await CallsAsync("xrange"), await CallsAsync("mget"), await ScriptCallsAsync()));
        Assert.Equal(events.Select(PersisterServers.TextOf), (await _servers.ReadRowsAsync(_room)).Skip(2).Select(PersisterServers.TextOf));
    }

    [Fact]
    public async Task Marks_of_several_batches_are_one_call()
    {
        var events = New(4);
        await Store.NumberAsync(_room, events);
        await ForgetCallsAsync();

        await PersistAsync(events[..2], thenMark: true);
        await PersistAsync(events[2..], thenMark: true);
        Assert.Equal(0, await ScriptCallsAsync());
        await _persister.Get<PersistedMarks>().TellAllAsync();

        Assert.Equal(1, await ScriptCallsAsync());
        Assert.Equal(6, await Store.Redis.HashGetAsync(RedisKeys.Head(_room), "persisted"));
    }

    [Fact]
    public async Task What_the_persister_numbers_itself_is_not_read_again()
    {
        var events = New(3);
        await ForgetCallsAsync();

        await PersistAsync(events);

        Assert.Equal((1, 1, 1), (await CallsAsync("xrange"), await CallsAsync("mget"), await ScriptCallsAsync()));
        Assert.Equal(events.Select(PersisterServers.TextOf), (await _servers.ReadRowsAsync(_room)).Skip(2).Select(PersisterServers.TextOf));
    }

    /// <summary>The two tries have id and time in common: two nodes had the send in the same millisecond.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task Of_two_tries_in_one_millisecond_history_has_the_delivered_bytes(bool deliveredIsFirst, bool inOneBatch)
    {
        var delivered = New(1)[0];
        var other = RoomStore.Event("the other try", id: delivered.EventId) with { TimestampMs = delivered.TimestampMs };
        var next = New(1)[0];
        await Store.NumberAsync(_room, delivered, next);
        PendingEvent[] logged = deliveredIsFirst ? [delivered, other, next] : [other, delivered, next];

        foreach (var batch in inOneBatch ? [logged] : logged.Chunk(1))
            await PersistAsync(batch);

        var rows = await _servers.ReadRowsAsync(_room);
        Assert.Equal([3L, 4L], rows.Skip(2).Select(row => row.Seq));
        Assert.Equal([PersisterServers.TextOf(delivered), PersisterServers.TextOf(next)], rows.Skip(2).Select(PersisterServers.TextOf));
    }

    [Fact]
    public async Task Events_that_were_numbered_in_another_order_than_logged_are_whole_although_they_come_in_two_batches()
    {
        var events = New(4);
        await Store.NumberAsync(_room, [.. events.Reverse()]);

        await PersistAsync(events[..2]);
        await PersistAsync(events[2..]);

        Assert.Equal(events.Reverse().Select(PersisterServers.TextOf), (await _servers.ReadRowsAsync(_room)).Skip(2).Select(PersisterServers.TextOf));
    }

    [Fact]
    public async Task A_room_that_is_read_again_from_an_earlier_place_is_found_by_its_ids()
    {
        var events = New(6);
        await Store.NumberAsync(_room, events);
        _offset += 3;
        await NumberAsync(events[3..]); // numbered, not written, and read again with what is before it
        _offset = 2;

        await PersistAsync(events);

        Assert.Equal(events.Select(PersisterServers.TextOf), (await _servers.ReadRowsAsync(_room)).Skip(2).Select(PersisterServers.TextOf));
    }

    [Fact]
    public async Task A_send_that_has_its_number_under_the_id_of_another_day_keeps_it()
    {
        var (yesterday, today) = (Guid.NewGuid(), Guid.NewGuid());
        var first = RoomStore.Event("first", id: yesterday, otherIds: today) with { TimestampMs = TestLog.Now };
        var again = RoomStore.Event("again", id: today, otherIds: yesterday) with { TimestampMs = first.TimestampMs };
        var next = New(1)[0];
        await Store.NumberAsync(_room, first, next);

        await PersistAsync([again, next]);

        Assert.Equal([PersisterServers.TextOf(first), PersisterServers.TextOf(next)], (await _servers.ReadRowsAsync(_room)).Skip(2).Select(PersisterServers.TextOf));
    }

    private static PendingEvent[] New(int count) => [.. Enumerable.Range(1, count).Select(i => RoomStore.Event($"event {i} {Guid.NewGuid()}") with { TimestampMs = TestLog.Now })];

    private async Task PersistAsync(PendingEvent[] events, bool thenMark = false)
    {
        var numbered = await NumberAsync(events);
        var copies = await _persister.Get<RoomCopier>().CopyAsync(numbered, acceptHoles: false, CancellationToken.None);
        Assert.Equal((true, false), (copies.IsWhole, copies.HasHole));
        Assert.Equal(WriteOutcome.Written, await _persister.Get<PostgresWriter>().WriteAsync(numbered, copies, CancellationToken.None));
        if (thenMark)
            await _persister.Get<PersistedMarks>().SetAsync(numbered, copies);
    }

    /// <summary>Numbers what comes next in the log.</summary>
    private async Task<NumberedBatch> NumberAsync(PendingEvent[] events)
    {
        var partition = LogTopics.PartitionOf(_room);
        var epoch = (await Store.Epochs.GetAsync(CancellationToken.None)).Number; // asks nobody
        var batch = new RecordBatch(new ReadingStart([], epoch, new Dictionary<int, long>()));
        var from = _offset;
        foreach (var e in events)
            batch.Add(new ConsumeResult<byte[]?, byte[]?>
            {
                Topic = LogTopics.Events,
                Partition = partition,
                Offset = _offset++,
                Message = new Message<byte[]?, byte[]?> { Key = Encoding.UTF8.GetBytes(_room), Value = e.Body.ToArray(), Headers = TestLog.HeadersOf(e) },
            }, from);
        return Assert.IsType<NumberedBatch>(await _persister.Get<NumberingStage>().NumberAsync(batch, CancellationToken.None));
    }

    private async Task ForgetCallsAsync() => await Store.Redis.ExecuteAsync("CONFIG", "RESETSTAT");

    private async Task<int> ScriptCallsAsync() => await CallsAsync("evalsha") + await CallsAsync("eval");

    private async Task<int> CallsAsync(string command)
    {
        var line = ((string)(await Store.Redis.ExecuteAsync("INFO", "commandstats"))!).Split('\n').FirstOrDefault(line => line.StartsWith($"cmdstat_{command}:", StringComparison.Ordinal));
        return line is null ? 0 : int.Parse(line.Split('=', ',')[1]);
    }
}
