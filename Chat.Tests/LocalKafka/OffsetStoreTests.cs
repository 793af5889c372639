using Chat.LocalKafka;
using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.LocalKafka;

public sealed class OffsetStoreTests : IDisposable
{
    private static readonly OffsetKey Key = new("t", 0);

    private readonly TemporaryDirectory _directory = new();
    private readonly Flusher _flusher = new(threads: 1);
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    private string Journal => Path.Combine(_directory.Path, "offsets.journal");

    public void Dispose()
    {
        _flusher.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_torn_end_of_the_journal_loses_only_what_was_not_answered()
    {
        long before;
        using (var store = new OffsetStore(_directory.Path, _flusher))
        {
            await CommitAsync(store, "g", 1);
            before = new FileInfo(Journal).Length;
            await CommitAsync(store, "g", 2);
        }

        var whole = await File.ReadAllBytesAsync(Journal);
        for (var length = (int)before; length < whole.Length; length++)
        {
            await File.WriteAllBytesAsync(Journal, whole[..length]);
            using var store = new OffsetStore(_directory.Path, _flusher);
            Assert.Equal(1, store.Find("g", Key)!.Value.Offset);
        }
    }

    [Fact]
    public async Task The_journal_stays_small_however_often_a_group_commits()
    {
        using var store = new OffsetStore(_directory.Path, _flusher);
        for (var i = 0; i < 400; i++)
            await store.CommitAsync("g", [KeyValuePair.Create(Key, new CommittedOffset(i, -1, new string('m', 4000), 0))]);

        Assert.InRange(new FileInfo(Journal).Length, 1, 1_200_000);
        Assert.Equal(399, store.Find("g", Key)!.Value.Offset);
        using var again = new OffsetStore(_directory.Path, _flusher);
        Assert.Equal(399, again.Find("g", Key)!.Value.Offset);
    }

    [Fact]
    public async Task Offsets_of_a_group_without_members_are_forgotten_after_their_retention()
    {
        using var groups = new GroupCoordinator(_directory.Path, new KafkaBrokerOptions { Data = _directory.Path, OffsetsRetention = TimeSpan.FromDays(7) }, _flusher, _time);
        Assert.Equal(ErrorCode.None, groups.CheckCommit("g", new MemberIdentity("", -1, null)));
        await CommitAsync(groups.Offsets, "g", 1);
        _time.Advance(TimeSpan.FromDays(6));
        await groups.ApplyRetentionAsync();
        Assert.NotNull(groups.Offsets.Find("g", Key));

        _time.Advance(TimeSpan.FromDays(2));
        await groups.ApplyRetentionAsync();

        Assert.Null(groups.Offsets.Find("g", Key));
        Assert.Null(groups.Find("g"));
    }

    [Fact]
    public async Task Offsets_of_a_group_with_members_are_kept()
    {
        using var groups = new GroupCoordinator(_directory.Path, new KafkaBrokerOptions { Data = _directory.Path, MaxSessionTimeout = TimeSpan.FromDays(20) }, _flusher, _time);
        var joining = groups.FindOrAdd("g")!.JoinAsync(new JoinCall(
            "", null, "c", "/127.0.0.1", (int)TimeSpan.FromDays(20).TotalMilliseconds, 1000, "consumer", [new GroupProtocol("range", [])], false, false));
        await joining.WaitAsync(TimeSpan.FromSeconds(60));
        await CommitAsync(groups.Offsets, "g", 1);

        _time.Advance(TimeSpan.FromDays(8));
        await groups.ApplyRetentionAsync();

        Assert.NotNull(groups.Find("g"));
    }

    private Task CommitAsync(OffsetStore store, string group, long offset) =>
        store.CommitAsync(group, [KeyValuePair.Create(Key, new CommittedOffset(offset, -1, "", _time.GetUtcNow().ToUnixTimeMilliseconds()))])
            .WaitAsync(TimeSpan.FromSeconds(60));
}
