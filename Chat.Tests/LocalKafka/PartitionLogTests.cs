using System.Globalization;
using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.LocalKafka;

public sealed class PartitionLogTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly LogConfig Config = new(
        RetentionMs: -1, RetentionBytes: -1, SegmentBytes: 1 << 20, SegmentMs: long.MaxValue, MaxMessageBytes: 1 << 20, AppendTime: false, RetentionFromArrival: false);

    private readonly TemporaryDirectory _directory = new();
    private readonly Flusher _flusher = new(threads: 2);
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    public void Dispose()
    {
        _flusher.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Records_are_readable_only_once_they_are_durable_and_then_for_ever()
    {
        using (var log = Open())
        {
            Assert.Equal(0, await AppendAsync(log, TestBatch.Of("a", "b")));
            Assert.Equal(2, await AppendAsync(log, TestBatch.Of("c")));
            Assert.Equal(3, log.HighWatermark);
        }

        using var again = Open();
        Assert.Equal((0L, 3L), (again.LogStart, again.HighWatermark));
        Assert.Equal(3, await AppendAsync(again, TestBatch.Of("d")));
    }

    [Fact]
    public async Task A_tail_torn_at_any_byte_is_cut_and_everything_before_it_stays()
    {
        long before, after;
        using (var log = Open())
        {
            await AppendAsync(log, TestBatch.From(5, 0, "kept", "kept too"));
            before = log.SizeInBytes;
            await AppendAsync(log, TestBatch.From(5, 2, "torn"));
            after = log.SizeInBytes;
        }

        File.Delete(Path.Combine(_directory.Path, "0", "checkpoint")); // As after a crash: it was never written.
        var whole = await File.ReadAllBytesAsync(SegmentPath(0));
        for (var length = before; length < after; length++)
        {
            await File.WriteAllBytesAsync(SegmentPath(0), whole[..(int)length]);
            AssertCutAndUsable(before);
            await File.WriteAllBytesAsync(SegmentPath(0), [.. whole[..(int)length], .. Enumerable.Repeat((byte)0xEE, 100)]);
            AssertCutAndUsable(before);
        }

        void AssertCutAndUsable(long size)
        {
            using var log = Open();
            Assert.Equal(2, log.HighWatermark);
            Assert.Equal(size, log.SizeInBytes);
            // The producer state was rebuilt from what is left: its next batch is in sequence.
            Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Append(log, TestBatch.From(5, 3, "gap")).Error);
            log.Abandon();
            File.Delete(Path.Combine(_directory.Path, "0", "checkpoint"));
        }
    }

    [Fact]
    public async Task A_damaged_checkpoint_costs_a_scan_and_nothing_else()
    {
        using (var log = Open(Config with { SegmentBytes = 300 }))
        {
            for (var i = 0; i < 20; i++)
                await AppendAsync(log, TestBatch.From(1, i, $"record {i}"));
        }

        var checkpoint = Path.Combine(_directory.Path, "0", "checkpoint");
        var bytes = await File.ReadAllBytesAsync(checkpoint);
        bytes[10] ^= 1;
        await File.WriteAllBytesAsync(checkpoint, bytes);

        using var again = Open();
        Assert.Equal((0L, 20L), (again.LogStart, again.HighWatermark));
        var repeated = Append(again, TestBatch.From(1, 19, "record 19"));
        Assert.Equal((ErrorCode.None, 19L), (repeated.Error, repeated.BaseOffset));
    }

    [Fact]
    public async Task Lost_sidecars_are_rebuilt()
    {
        using (var log = Open(Config with { SegmentBytes = 300 }))
        {
            for (var i = 0; i < 20; i++)
                await AppendAsync(log, TestBatch.Of($"record {i}"));
        }

        foreach (var sidecar in Directory.EnumerateFiles(Path.Combine(_directory.Path, "0"), "*.index"))
            File.Delete(sidecar);

        using var again = Open();
        for (var offset = 0; offset < 20; offset++)
            Assert.Equal(offset, FirstOffsetRead(again, offset));
        Assert.NotEmpty(Directory.EnumerateFiles(Path.Combine(_directory.Path, "0"), "*.index"));
    }

    [Fact]
    public async Task A_repeated_batch_gets_its_first_offset_also_after_a_restart()
    {
        using (var log = Open())
        {
            for (var i = 0; i < 7; i++)
                await AppendAsync(log, TestBatch.From(9, i, "x"));
        }

        using var again = Open();
        var repeated = Append(again, TestBatch.From(9, 4, "x"));
        Assert.Equal((ErrorCode.None, 4L), (repeated.Error, repeated.BaseOffset));
        Assert.Equal(7, again.HighWatermark);
        Assert.Equal(7, await AppendAsync(again, TestBatch.From(9, 7, "x")));
    }

    [Fact]
    public async Task Reading_starts_at_the_batch_that_holds_the_offset_in_every_segment()
    {
        using var log = Open(Config with { SegmentBytes = 400 });
        for (var i = 0; i < 30; i++)
            await AppendAsync(log, TestBatch.Of("a", "b", "c"));

        for (var offset = 0; offset < 90; offset++)
            Assert.Equal(offset / 3 * 3, FirstOffsetRead(log, offset));
        Assert.True(Directory.EnumerateFiles(Path.Combine(_directory.Path, "0"), "*.log").Count() > 5);
    }

    [Fact]
    public async Task A_failed_flush_acknowledges_nothing_and_the_partition_opens_again_at_what_was_durable()
    {
        var broken = false;
        using var log = Open(flush: file =>
        {
            if (broken)
                throw new IOException("The disk is gone.");
            Durable.Flush(file);
        });
        await AppendAsync(log, TestBatch.From(1, 0, "durable"));
        broken = true;

        var lost = Append(log, TestBatch.From(1, 1, "lost"));
        await Assert.ThrowsAsync<StorageFailedException>(() => lost.Durable.WaitAsync(Patience));

        Assert.Equal(1, log.HighWatermark);
        Assert.Equal(ErrorCode.KafkaStorageError, Append(log, TestBatch.From(1, 1, "refused")).Error);
        broken = false;
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(1, await AppendAsync(log, TestBatch.From(1, 1, "again")));
        Assert.Equal(2, log.HighWatermark);
    }

    [Fact]
    public async Task A_flush_that_ends_after_the_partition_was_opened_again_acknowledges_nothing()
    {
        TaskCompletionSource hangs = new(), flushesAgain = new();
        ManualResetEventSlim mayEnd = new(), mayFlush = new(); // not disposed: when this test fails, a flusher still waits
        var flushes = 0;
        using var log = Open(flush: file =>
        {
            switch (Interlocked.Increment(ref flushes))
            {
                case 2: // of what is lost
                    hangs.SetResult();
                    mayEnd.Wait(Patience);
                    break;
                case 3: // of the deletion
                    throw new IOException("The disk is gone.");
                case 4: // of what comes after that
                    flushesAgain.SetResult();
                    mayFlush.Wait(Patience);
                    break;
                default:
                    break;
            }
            Durable.Flush(file);
        });
        await AppendAsync(log, TestBatch.From(1, 0, "durable"));
        var lost = Append(log, TestBatch.From(1, 1, "lost"));
        await hangs.Task.WaitAsync(Patience);
        Assert.Equal(ErrorCode.KafkaStorageError, log.DeleteRecords(1).Error);
        await Assert.ThrowsAsync<StorageFailedException>(() => lost.Durable.WaitAsync(Patience));
        _time.Advance(TimeSpan.FromSeconds(2));
        var next = Append(log, TestBatch.From(1, 1, "next"));

        mayEnd.Set();
        await flushesAgain.Task.WaitAsync(Patience);

        var beforeItsFlush = (next.BaseOffset, log.HighWatermark, next.Durable.IsCompleted);
        mayFlush.Set();
        Assert.Equal((1L, 1L, false), beforeItsFlush);
        await next.Durable.WaitAsync(Patience);
        Assert.Equal(2, log.HighWatermark);
    }

    [Fact]
    public async Task What_follows_a_flush_may_end_the_flusher()
    {
        var flusher = new Flusher(threads: 1);
        var commit = new GroupCommit(flusher, () => 1);
        var ended = commit.WaitAsync(1, isForAnswer: true)
            .ContinueWith(_ => flusher.Dispose(), TestContext.Current.CancellationToken, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        commit.Request();
        await ended.WaitAsync(Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Old_segments_go_and_the_log_starts_later()
    {
        var day = (long)TimeSpan.FromDays(1).TotalMilliseconds;
        using var log = Open(Config with { SegmentBytes = 200, RetentionMs = day });
        for (var i = 0; i < 4; i++)
        {
            await AppendAsync(log, TestBatch.Of("x") with { Timestamps = [_time.GetUtcNow().ToUnixTimeMilliseconds()] });
            await AppendAsync(log, TestBatch.Of(new string('y', 100)) with { Timestamps = [_time.GetUtcNow().ToUnixTimeMilliseconds()] });
            _time.Advance(TimeSpan.FromHours(10));
        }

        log.ApplyRetention(TimeSpan.FromDays(7));

        Assert.Equal(4, log.LogStart);
        Assert.Equal(ErrorCode.OffsetOutOfRange, log.CheckFetch(3));
        Assert.Equal(4, FirstOffsetRead(log, 4));
        _time.Advance(TimeSpan.FromDays(2));
        log.ApplyRetention(TimeSpan.FromDays(7));
        Assert.Equal((8L, 8L), (log.LogStart, log.HighWatermark)); // The active segment is old too: it is closed and goes.
        Assert.Equal(8, await AppendAsync(log, TestBatch.Of("next")));
    }

    [Fact]
    public async Task Too_many_bytes_go_oldest_first_but_never_below_the_limit()
    {
        using var log = Open(Config with { SegmentBytes = 300, RetentionBytes = 1000 });
        for (var i = 0; i < 40; i++)
            await AppendAsync(log, TestBatch.Of("some value"));

        log.ApplyRetention(TimeSpan.FromDays(7));

        Assert.InRange(log.SizeInBytes, 1000, 1300);
        Assert.True(log.LogStart > 0);
    }

    [Fact]
    public async Task Deleted_records_stay_deleted_after_a_restart()
    {
        using (var log = Open())
        {
            for (var i = 0; i < 5; i++)
                await AppendAsync(log, TestBatch.Of("x"));
            Assert.Equal((ErrorCode.None, 3L), log.DeleteRecords(3));
            Assert.Equal((ErrorCode.OffsetOutOfRange, -1L), log.DeleteRecords(6));
            log.Abandon(); // No clean end.
        }

        using var again = Open();
        Assert.Equal((3L, 5L), (again.LogStart, again.HighWatermark));
        Assert.Equal((ErrorCode.None, 5L), again.DeleteRecords(-1));
    }

    [Fact]
    public async Task Records_are_found_by_time()
    {
        using var log = Open(Config with { SegmentBytes = 200 });
        for (var i = 0; i < 10; i++)
            await AppendAsync(log, TestBatch.Of("a", "b") with { Timestamps = [1000 + (i * 10), 1005 + (i * 10)] });

        Assert.Equal(new OffsetAtTime(0, 1000), log.FindByTimestamp(0));
        Assert.Equal(new OffsetAtTime(3, 1015), log.FindByTimestamp(1011));
        Assert.Equal(new OffsetAtTime(19, 1095), log.FindByTimestamp(1095));
        Assert.Null(log.FindByTimestamp(1096));
        Assert.Equal(new OffsetAtTime(19, 1095), log.FindNewest());
    }

    private PartitionLog Open(LogConfig? config = null, Action<Microsoft.Win32.SafeHandles.SafeFileHandle>? flush = null) =>
        new(Path.Combine(_directory.Path, "0"), config ?? Config, maxProducers: 100, _flusher, _time, NullLogger.Instance, flush);

    private string SegmentPath(long offset) =>
        Path.Combine(_directory.Path, "0", offset.ToString("D20", CultureInfo.InvariantCulture) + ".log");

    private static AppendResult Append(PartitionLog log, TestBatch test)
    {
        var bytes = test.ToBytes();
        Assert.Equal(ErrorCode.None, RecordBatchValidation.Validate(bytes, int.MaxValue, 7, out var batch));
        return log.Append(bytes, batch, awaitDurable: true);
    }

    private static async Task<long> AppendAsync(PartitionLog log, TestBatch test)
    {
        var result = Append(log, test);
        Assert.Equal(ErrorCode.None, result.Error);
        await result.Durable.WaitAsync(Patience);
        return result.BaseOffset;
    }

    private static long FirstOffsetRead(PartitionLog log, long offset)
    {
        using var answer = new KafkaWriter();
        var start = answer.Position;
        Assert.True(log.Read(offset, maxBytes: 1, firstWhole: true, answer) > 0);
        Assert.True(RecordBatch.TryReadHeader(answer.FinishFrame().Span[(start + 4)..], out var batch));
        return batch.BaseOffset;
    }
}
