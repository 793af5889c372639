using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.LocalKafka;

public sealed class GroupTests : IDisposable
{
    private const int Session = 10_000;
    private const int Rebalance = 60_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new();
    private readonly Group _group;

    public GroupTests() => _group = new Group("g", new GroupLimits(MaxMembers: 3, 6000, 1_800_000, InitialRebalanceDelayMs: 0), _time);

    public void Dispose() => _group.Dispose();

    [Fact]
    public async Task The_first_member_leads_and_gets_what_it_assigns_itself()
    {
        var joined = await JoinAsync("a");
        Assert.Equal((ErrorCode.None, 1, joined.MemberId), (joined.Error, joined.Generation, joined.Leader));
        Assert.Equal(joined.MemberId, Assert.Single(joined.Members).Id);

        var synced = await SyncAsync(joined, (joined.MemberId, [1, 2]));

        Assert.Equal([1, 2], synced.Assignment);
        Assert.Equal(GroupState.Stable, _group.State);
    }

    [Fact]
    public async Task A_second_member_makes_the_first_join_again_and_both_get_the_same_generation()
    {
        var first = await StableAsync("a");
        var second = Join("b");
        Assert.False(second.IsCompleted);
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Heartbeat(Of(first)));

        var (a, b) = (await JoinAsync("a", first.MemberId), await second.WaitAsync(Patience));

        Assert.Equal((2, 2), (a.Generation, b.Generation));
        Assert.Equal(a.MemberId, b.Leader);
        Assert.Equal(2, a.Members.Count);
        Assert.Empty(b.Members);
        var waiting = _group.SyncAsync(new SyncCall(Of(b), null, null, new Dictionary<string, byte[]>()));
        Assert.False(waiting.IsCompleted);
        await SyncAsync(a, (a.MemberId, [1]), (b.MemberId, [2]));
        Assert.Equal([2], (await waiting.WaitAsync(Patience)).Assignment);
    }

    [Fact]
    public async Task A_new_client_must_come_back_with_the_id_that_it_is_given()
    {
        var refused = await JoinAsync("a", idRequired: true);
        Assert.Equal(ErrorCode.MemberIdRequired, refused.Error);
        Assert.NotEmpty(refused.MemberId);

        var joined = await JoinAsync("a", refused.MemberId, idRequired: true);

        Assert.Equal((ErrorCode.None, refused.MemberId), (joined.Error, joined.MemberId));
    }

    [Fact]
    public async Task A_promised_id_is_waited_for_no_longer_than_a_session()
    {
        var first = await StableAsync("a");
        await JoinAsync("b", idRequired: true); // And never again.
        var rejoining = Join("a", first.MemberId, protocols: "other metadata");
        Assert.False(rejoining.IsCompleted);

        _time.Advance(TimeSpan.FromMilliseconds(Session));

        Assert.Single((await rejoining.WaitAsync(Patience)).Members);
    }

    [Fact]
    public async Task A_silent_member_is_given_up_after_its_session()
    {
        var (a, b) = await TwoStableAsync();
        _time.Advance(TimeSpan.FromMilliseconds(Session - 1000));
        Assert.Equal(ErrorCode.None, _group.Heartbeat(Of(a)));
        _time.Advance(TimeSpan.FromMilliseconds(1000));

        Assert.Equal(ErrorCode.UnknownMemberId, _group.Heartbeat(Of(b)));
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Heartbeat(Of(a)));
        var alone = await JoinAsync("a", a.MemberId);
        Assert.Single(alone.Members);
    }

    [Fact]
    public async Task A_member_that_does_not_join_again_is_left_out_when_the_rebalance_is_over()
    {
        var (a, b) = await TwoStableAsync();
        var third = Join("c");
        var rejoined = Join("b", b.MemberId);
        for (var i = 0; i < Rebalance / 5000; i++)
        {
            _group.Heartbeat(Of(a)); // Alive, but stuck in its work.
            _time.Advance(TimeSpan.FromSeconds(5));
        }

        var members = (await rejoined.WaitAsync(Patience)).Members.Concat((await third.WaitAsync(Patience)).Members).ToArray();
        Assert.Equal(2, members.Length);
        Assert.DoesNotContain(members, m => m.Id == a.MemberId);
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Heartbeat(Of(a)));
    }

    [Fact]
    public async Task Leaving_makes_the_others_share_at_once()
    {
        var (a, b) = await TwoStableAsync();

        Assert.Equal(ErrorCode.None, _group.Leave(a.MemberId, null));

        Assert.Equal(ErrorCode.UnknownMemberId, _group.Leave(a.MemberId, null));
        var alone = await JoinAsync("b", b.MemberId);
        Assert.Equal((b.MemberId, 3), (alone.Leader, alone.Generation));
    }

    [Fact]
    public async Task Calls_of_another_generation_or_a_stranger_are_refused()
    {
        var joined = await StableAsync("a");

        Assert.Equal(ErrorCode.IllegalGeneration, _group.Heartbeat(Of(joined) with { Generation = 7 }));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Heartbeat(Of(joined) with { MemberId = "stranger" }));
        Assert.Equal(ErrorCode.IllegalGeneration, _group.CheckCommit(Of(joined) with { Generation = 0 }));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.CheckCommit(new MemberIdentity("", -1, null)));
        Assert.Equal(ErrorCode.UnknownMemberId, (await Join("a", "stranger").WaitAsync(Patience)).Error);
        Assert.Equal(ErrorCode.None, _group.CheckCommit(Of(joined)));
    }

    [Fact]
    public async Task Nobody_commits_between_joining_and_the_assignment()
    {
        var joined = await JoinAsync("a");
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.CheckCommit(Of(joined)));
    }

    [Fact]
    public async Task Members_without_a_common_protocol_cannot_be_in_one_group()
    {
        await StableAsync("a");
        Assert.Equal(ErrorCode.InconsistentGroupProtocol, (await JoinAsync("b", protocol: "roundrobin")).Error);
        Assert.Equal(ErrorCode.InconsistentGroupProtocol, (await JoinAsync("b", type: "connect")).Error);
    }

    [Theory]
    [InlineData(5_999)]
    [InlineData(1_800_001)]
    public async Task A_session_outside_the_bounds_is_refused(int session) =>
        Assert.Equal(ErrorCode.InvalidSessionTimeout, (await JoinAsync("a", session: session)).Error);

    [Fact]
    public async Task A_full_group_takes_nobody_else()
    {
        var others = new[] { Join("a"), Join("b"), Join("c") };
        Assert.False(Task.WhenAll(others).IsCompleted);
        Assert.Equal(ErrorCode.GroupMaxSizeReached, (await JoinAsync("d")).Error);
    }

    [Fact]
    public async Task A_static_member_that_restarts_takes_its_place_back_without_a_rebalance()
    {
        var joined = await JoinAsync("a", instance: "one");
        await SyncAsync(joined, (joined.MemberId, [9]));

        var back = await JoinAsync("a", instance: "one");

        Assert.Equal((ErrorCode.None, joined.Generation), (back.Error, back.Generation));
        Assert.NotEqual(joined.MemberId, back.MemberId);
        Assert.Equal(ErrorCode.FencedInstanceId, _group.Heartbeat(Of(joined) with { InstanceId = "one" }));
        Assert.Equal([9], (await SyncAsync(back)).Assignment);
    }

    [Fact]
    public async Task A_leader_that_never_assigns_is_dropped_and_the_rest_starts_over()
    {
        var a = await JoinAsync("a");
        var second = Join("b");
        var leader = await JoinAsync("a", a.MemberId);
        var b = await second.WaitAsync(Patience);
        var waiting = _group.SyncAsync(new SyncCall(Of(b), null, null, new Dictionary<string, byte[]>()));

        _time.Advance(TimeSpan.FromMilliseconds(Session));

        Assert.Equal(ErrorCode.RebalanceInProgress, (await waiting.WaitAsync(Patience)).Error);
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Heartbeat(Of(leader)));
        Assert.Equal(b.MemberId, (await JoinAsync("b", b.MemberId)).Leader);
    }

    private static MemberIdentity Of(JoinAnswer joined) => new(joined.MemberId, joined.Generation, null);

    private Task<JoinAnswer> Join(
        string client, string memberId = "", string protocols = "metadata", string protocol = "range", string type = "consumer", int session = Session, bool idRequired = false, string? instance = null) =>
        _group.JoinAsync(new JoinCall(memberId, instance, client, "/127.0.0.1", session, Rebalance, type, [new GroupProtocol(protocol, System.Text.Encoding.UTF8.GetBytes(protocols))], idRequired, MaySkipAssignment: false));

    private Task<JoinAnswer> JoinAsync(
        string client, string memberId = "", string protocol = "range", string type = "consumer", int session = Session, bool idRequired = false, string? instance = null) =>
        Join(client, memberId, protocol: protocol, type: type, session: session, idRequired: idRequired, instance: instance).WaitAsync(Patience);

    private Task<SyncAnswer> SyncAsync(JoinAnswer member, params (string Id, byte[] Assignment)[] assignments) =>
        _group.SyncAsync(new SyncCall(Of(member), null, null, assignments.ToDictionary(a => a.Id, a => a.Assignment))).WaitAsync(Patience);

    private async Task<JoinAnswer> StableAsync(string client)
    {
        var joined = await JoinAsync(client);
        await SyncAsync(joined, (joined.MemberId, [1]));
        return joined;
    }

    private async Task<(JoinAnswer A, JoinAnswer B)> TwoStableAsync()
    {
        var first = await StableAsync("a");
        var second = Join("b");
        var (a, b) = (await JoinAsync("a", first.MemberId), await second.WaitAsync(Patience));
        await SyncAsync(a, (a.MemberId, [1]), (b.MemberId, [2]));
        await SyncAsync(b);
        return (a, b);
    }
}
