using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Data.Writing;
using Chat.Persister;
using Chat.Tests.Numbering;
using Confluent.Kafka;

namespace Chat.Tests.Persister;

/// <summary>Whatever dies or forgets: Postgres has an exact prefix of every room, and in the end all of it.</summary>
public sealed class PersisterFaultTests(MigratedDatabaseFixture database) : IClassFixture<MigratedDatabaseFixture>, IAsyncLifetime
{
    private readonly string _room = RoomStore.NewRoom();
    private PersisterServers _servers = null!;
    private int _epoch;

    private RoomStore Store => _servers.Store;

    private TestLog Log => _servers.Log;

    public async ValueTask InitializeAsync()
    {
        _servers = await PersisterServers.StartAsync(database.OpenAsync);
        _epoch = (await Store.Epochs.GetAsync(CancellationToken.None)).Number;
    }

    public ValueTask DisposeAsync() => _servers.DisposeAsync();

    /// <summary>The stages after which a persister dies.</summary>
    public enum DiesAfter
    {
        Numbering,
        Copying,
        Writing,
        Marking,
    }

    [Theory]
    [InlineData(DiesAfter.Numbering)]
    [InlineData(DiesAfter.Copying)]
    [InlineData(DiesAfter.Writing)]
    [InlineData(DiesAfter.Marking)]
    public async Task A_persister_that_dies_between_stages_leaves_an_exact_prefix(DiesAfter last)
    {
        var events = await Log.AppendNewAsync(_room, 60);
        await using (var dying = _servers.BuildPersister())
            await RunStagesAsync(dying, BatchOf(events.Take(40)), last);
        var prefix = await _servers.ReadRowsAsync(_room);
        Assert.Equal(last >= DiesAfter.Writing ? 40 : 0, prefix.Count);
        Assert.Equal(prefix.Count, await _servers.PositionAsync(_room));

        await using var persister = await _servers.StartPersisterAsync();

        await _servers.AssertPersistedAsync(_room, events);
        await _servers.WaitForLogAsync(_room, 60);
        Assert.Equal(events.Select(PersisterServers.TextOf), (await _servers.WaitForRowsAsync(_room, 60)).Select(PersisterServers.TextOf));
    }

    [Fact]
    public async Task Reading_the_log_again_from_the_start_changes_nothing()
    {
        var events = await Log.AppendNewAsync(_room, 80);
        await using (var first = await _servers.StartPersisterAsync())
            await _servers.WaitForLogAsync(_room, 80);
        await _servers.ExecuteAsync("UPDATE log_positions SET next_offset = 0");
        // Half of the ids are forgotten, as they are after a day: Postgres has to be asked.
        foreach (var e in events.Take(40))
            await Store.Redis.KeyDeleteAsync(RedisKeys.IdPrefix(_room) + e.EventId.ToString("N"));

        await using var second = await _servers.StartPersisterAsync();
        await _servers.WaitForLogAsync(_room, 80);

        await _servers.AssertPersistedAsync(_room, events);
        Assert.Equal(80, await Store.Redis.HashGetAsync(RedisKeys.Head(_room), "head"));
    }

    [Fact]
    public async Task A_persister_that_was_away_changes_nothing_of_what_others_wrote()
    {
        var events = await Log.AppendNewAsync(_room, 30);
        await using var zombie = _servers.BuildPersister();
        var numbered = await zombie.Get<NumberingStage>().NumberAsync(BatchOf(events.Take(10)), CancellationToken.None);
        var copies = await zombie.Get<RoomCopier>().CopyAsync(numbered!, acceptHoles: false, CancellationToken.None);
        await using (var other = await _servers.StartPersisterAsync())
            await _servers.WaitForLogAsync(_room, 30);

        var outcome = await zombie.Get<PostgresWriter>().WriteAsync(numbered!, copies, CancellationToken.None);

        Assert.Equal(WriteOutcome.RoomMoved, outcome);
        await _servers.AssertPersistedAsync(_room, events);
        Assert.Equal(30, await _servers.PositionAsync(_room));
    }

    [Fact]
    public async Task What_was_numbered_in_an_older_epoch_is_not_written_under_a_newer_one()
    {
        var events = await Log.AppendNewAsync(_room, 10);
        await using var zombie = _servers.BuildPersister();
        var numbered = await zombie.Get<NumberingStage>().NumberAsync(BatchOf(events), CancellationToken.None);
        var copies = await zombie.Get<RoomCopier>().CopyAsync(numbered!, acceptHoles: false, CancellationToken.None);
        await Store.LoseRedisAsync();
        await Store.FillAsync(RoomStore.NewRoom(), 1);

        Assert.Equal(WriteOutcome.EpochChanged, await zombie.Get<PostgresWriter>().WriteAsync(numbered!, copies, CancellationToken.None));
        Assert.Empty(await _servers.ReadRowsAsync(_room));
    }

    [Fact]
    public async Task A_closed_partition_whose_log_ends_with_what_is_no_event_is_opened_although_others_go_on()
    {
        await Store.FillAsync(RoomStore.NewRoom(), 1);
        await Store.LoseRedisAsync();
        await Store.FillAsync(RoomStore.NewRoom(), 1);
        var closed = (LogTopics.PartitionOf(_room) + 1) % LogTopics.Partitions;
        var batch = new RecordBatch(new ReadingStart([], Store.Epochs.Known, new Dictionary<int, long> { [closed] = 1 }));
        batch.Add(ResultOf(RoomStore.Event("of an open partition"), offset: 0), from: 0);
        batch.Add(new ConsumeResult<byte[]?, byte[]?> { Topic = LogTopics.Events, Partition = closed, Offset = 0, Message = new Message<byte[]?, byte[]?>() }, from: 0);
        await using var persister = _servers.BuildPersister();

        Assert.NotNull(await persister.Get<NumberingStage>().NumberAsync(batch, CancellationToken.None));

        Assert.Empty(batch.Start.Closed);
    }

    [Fact]
    public async Task A_wish_for_a_new_start_is_not_undone_by_one_that_is_about_an_older_start()
    {
        await using var persister = await _servers.StartPersisterAsync();
        var consumer = persister.Get<LogConsumer>();
        async Task<ReadingStart> NextAsync(ReadingStart? before)
        {
            await PersisterServers.PollAsync(() => Task.FromResult(consumer.Start != before && consumer.Start.Offsets.Count > 0), () => "a new start");
            return consumer.Start;
        }
        var first = await NextAsync(null);
        consumer.ReadAgain(first);
        var second = await NextAsync(first);

        consumer.ReadAgain(second);
        consumer.ReadAgain(first);

        Assert.NotSame(second, await NextAsync(second));
    }

    [Fact]
    public async Task Partitions_that_are_taken_while_reading_is_paused_are_read_when_they_come_back()
    {
        var logged = await Log.AppendNewAsync(_room, 20);
        await using var persister = _servers.BuildPersister(("Chat:Persister:BatchRecords", "1"));
        await using var other = _servers.BuildPersister();
        var (consumer, rival) = (persister.Get<LogConsumer>(), other.Get<LogConsumer>());
        // Nobody takes the batches: with the first one waiting, the second makes it pause.
        consumer.Begin();
        await PersisterServers.PollAsync(() => Task.FromResult(consumer.Batches.TryPeek(out _)), () => "a batch that waits");
        rival.Begin();
        await PersisterServers.PollAsync(() => Task.FromResult(rival.Start.Offsets.Count > 0), () => "partitions that moved");
        await rival.StopAsync();
        await PersisterServers.PollAsync(() => Task.FromResult(consumer.Start.Offsets.Count == LogTopics.Partitions), () => "all partitions back");

        var read = new List<string>();
        await foreach (var batch in consumer.Batches.ReadAllAsync().WithCancellation(new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token))
        {
            if (consumer.IsCurrent(batch)) read.AddRange(batch.Records.Select(record => PersisterServers.TextOf(record.Event)));
            if (read.Count == logged.Count) break;
        }
        await consumer.StopAsync();

        Assert.Equal(logged.Select(PersisterServers.TextOf), read);
    }

    [Fact]
    public async Task Partitions_that_move_between_persisters_lose_and_double_nothing()
    {
        var rooms = Enumerable.Range(0, 24).Select(_ => RoomStore.NewRoom()).ToList();
        var logged = rooms.ToDictionary(room => room, _ => new List<PendingEvent>());
        var first = await _servers.StartPersisterAsync(("Chat:Persister:BatchRecords", "20"));
        async Task LogSomeAsync()
        {
            foreach (var room in rooms)
                logged[room].AddRange(await Log.AppendNewAsync(room, 15));
        }

        await LogSomeAsync();
        await using var second = await _servers.StartPersisterAsync(("Chat:Persister:BatchRecords", "20"));
        await LogSomeAsync();
        await first.DisposeAsync();
        await LogSomeAsync();

        foreach (var room in rooms)
            await _servers.AssertPersistedAsync(room, logged[room]);
    }

    [Fact]
    public async Task Events_that_Redis_lost_before_they_were_persisted_get_numbers_in_the_new_epoch()
    {
        var persisted = await Log.AppendNewAsync(_room, 5);
        await using (var first = await _servers.StartPersisterAsync())
            await _servers.WaitForLogAsync(_room, 5);
        var lost = await Log.AppendNewAsync(_room, 5);
        await Store.NumberAsync(_room, [.. lost.Take(3)]);
        await Store.LoseRedisAsync();

        await using var second = await _servers.StartPersisterAsync();

        var rows = await _servers.WaitForRowsAsync(_room, 10);
        Assert.Equal(Enumerable.Range(1, 5).Select(i => (long)i).Concat(Enumerable.Range(0, 5).Select(i => RoomStore.FirstOf(1) + i)), rows.Select(row => row.Seq));
        Assert.Equal(persisted.Concat(lost).Select(PersisterServers.TextOf), rows.Select(PersisterServers.TextOf));
    }

    [Fact]
    public async Task Redis_emptied_under_a_running_persister_loses_no_event()
    {
        await using var persister = await _servers.StartPersisterAsync();
        var before = await Log.AppendNewAsync(_room, 20);
        await _servers.WaitForLogAsync(_room, 20);
        await Store.LoseRedisAsync(scripts: true);
        var after = await Log.AppendNewAsync(_room, 20);

        var rows = await _servers.WaitForRowsAsync(_room, 40);

        Assert.Equal(before.Concat(after).Select(PersisterServers.TextOf), rows.Select(PersisterServers.TextOf));
        Assert.Equal(RoomStore.FirstOf(1), rows[20].Seq);
    }

    [Fact]
    public async Task A_restart_of_Redis_with_its_data_keeps_the_numbers_that_were_given()
    {
        var events = await Log.AppendNewAsync(_room, 10);
        await Store.NumberAsync(_room, [.. events]);
        await _servers.Redis.KillWithDataAsync();
        await _servers.Redis.StartAsync();
        var more = await Log.AppendNewAsync(_room, 5);

        await using var persister = await _servers.StartPersisterAsync();

        var rows = await _servers.WaitForRowsAsync(_room, 15);
        Assert.Equal(Enumerable.Range(1, 10).Select(i => (long)i).Concat(Enumerable.Range(0, 5).Select(i => RoomStore.FirstOf(1) + i)), rows.Select(row => row.Seq));
        Assert.Equal(events.Concat(more).Select(PersisterServers.TextOf), rows.Select(PersisterServers.TextOf));
    }

    [Fact]
    public async Task Numbers_of_an_older_epoch_keep_it_when_the_stream_still_has_them_behind_what_was_seen()
    {
        var events = await Log.AppendNewAsync(_room, 5);
        await Store.NumberAsync(_room, [.. events]);
        await using var persister = _servers.BuildPersister();
        await RunStagesAsync(persister, BatchOf(events.Take(3)), DiesAfter.Writing);
        await Store.Redis.ExecuteAsync("SCRIPT", "FLUSH"); // as after a restart with all data
        Assert.Equal(1, await persister.Get<EpochStore>().EnsureInForceAsync(CancellationToken.None));
        var batch = new RecordBatch(new ReadingStart([], 1, new Dictionary<int, long> { [LogTopics.PartitionOf(_room)] = 5 }));
        for (var offset = 3; offset < 5; offset++)
            batch.Add(ResultOf(events[offset], offset), from: 3);

        var numbered = await persister.Get<NumberingStage>().NumberAsync(batch, CancellationToken.None);

        Assert.Equal([(4L, 0), (5L, 0)], numbered!.Records.Select(record => (record.Seq, record.Number.Epoch)));
    }

    [Fact]
    public async Task A_broker_that_dies_is_read_on_when_it_is_back()
    {
        await using var persister = await _servers.StartPersisterAsync();
        var before = await Log.AppendNewAsync(_room, 10);
        await _servers.WaitForLogAsync(_room, 10);
        await _servers.Kafka.KillAsync();
        await _servers.Kafka.StartAsync();
        var after = await Log.AppendNewAsync(_room, 10);

        await _servers.AssertPersistedAsync(_room, [.. before, .. after]);
    }

    [Fact]
    public async Task A_log_that_was_made_anew_is_read_from_its_start()
    {
        await _servers.ExecuteAsync($"INSERT INTO log_positions SELECT p, 1000, 0 FROM generate_series(0, {LogTopics.Partitions - 1}) AS p");
        var events = await Log.AppendNewAsync(_room, 10);

        await using var persister = await _servers.StartPersisterAsync();

        await _servers.AssertPersistedAsync(_room, events);
        await PersisterServers.PollAsync(async () => await _servers.PositionAsync(_room) == 10, () => "the position to follow the new log");
    }

    private static async Task RunStagesAsync(PersisterProcess persister, RecordBatch batch, DiesAfter last)
    {
        var numbered = await persister.Get<NumberingStage>().NumberAsync(batch, CancellationToken.None);
        if (last == DiesAfter.Numbering)
            return;
        var copies = await persister.Get<RoomCopier>().CopyAsync(numbered!, acceptHoles: false, CancellationToken.None);
        if (last == DiesAfter.Copying)
            return;
        Assert.Equal(WriteOutcome.Written, await persister.Get<PostgresWriter>().WriteAsync(numbered!, copies, CancellationToken.None));
        if (last == DiesAfter.Marking)
        {
            await persister.Get<PersistedMarks>().SetAsync(numbered!, copies);
            await persister.Get<PersistedMarks>().TellAllAsync();
        }
    }

    /// <summary>The batch that a persister reads from the start of the room's partition.</summary>
    private RecordBatch BatchOf(IEnumerable<PendingEvent> events)
    {
        var batch = new RecordBatch(new ReadingStart([], _epoch, new Dictionary<int, long>()));
        var offset = 0;
        foreach (var e in events)
            batch.Add(ResultOf(e, offset++), from: 0);
        return batch;
    }

    private ConsumeResult<byte[]?, byte[]?> ResultOf(PendingEvent e, int offset) => new()
    {
        Topic = LogTopics.Events,
        Partition = LogTopics.PartitionOf(_room),
        Offset = offset,
        Message = new Message<byte[]?, byte[]?> { Key = System.Text.Encoding.UTF8.GetBytes(_room), Value = e.Body.ToArray(), Headers = TestLog.HeadersOf(e) },
    };
}
