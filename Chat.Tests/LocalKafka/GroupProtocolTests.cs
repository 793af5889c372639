namespace Chat.Tests.LocalKafka;

/// <summary>The group requests on the wire, as a client that is no library of ours would send them.</summary>
public class GroupProtocolTests : BrokerTest
{
    [Fact]
    public async Task A_member_joins_commits_and_leaves_with_the_newest_versions()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("t");
        var (error, _, id) = await JoinAsync(client, "g", "");
        Assert.Equal(79, error);
        (error, var generation, id) = await JoinAsync(client, "g", id);
        Assert.Equal((0, 1), (error, generation));

        var synced = await client.CallAsync(14, 5, w => w
            .Text("g").Int32(generation).Text(id).Text(null).Text("consumer").Text("range").Count(1).Text(id).Bytes([7, 7]).Tags().Tags(), flexible: true);
        synced.Int32();
        Assert.Equal((0, "consumer", "range"), (synced.Int16(), synced.Text(), synced.Text()));
        Assert.Equal([7, 7], synced.Bytes());

        Assert.Equal(0, await HeartbeatAsync(client, generation, id));
        Assert.Equal(22, await HeartbeatAsync(client, generation + 1, id));
        Assert.Equal(25, await HeartbeatAsync(client, generation, "stranger"));
        Assert.Equal(22, await CommitAsync(client, "g", generation + 1, id, "t", 5));
        Assert.Equal(25, await CommitAsync(client, "g", -1, "", "t", 5));
        Assert.Equal(3, await CommitAsync(client, "g", generation, id, "absent", 5));
        Assert.Equal(0, await CommitAsync(client, "g", generation, id, "t", 5));
        Assert.Equal(5, await FetchOffsetAsync(client, "g", "t"));
        Assert.Equal(-1, await FetchOffsetAsync(client, "other", "t"));

        Assert.Equal(68, await DeleteGroupAsync(client, "g"));
        var left = await client.CallAsync(13, 4, w => w.Text("g").Count(1).Text(id).Text(null).Tags().Tags(), flexible: true);
        left.Int32();
        Assert.Equal(0, left.Int16());
        Assert.Equal(25, await HeartbeatAsync(client, generation, id));
        Assert.Equal(0, await DeleteGroupAsync(client, "g"));
        Assert.Equal(69, await DeleteGroupAsync(client, "g"));
        Assert.Equal(-1, await FetchOffsetAsync(client, "g", "t"));
    }

    [Fact]
    public async Task An_empty_group_id_is_invalid_everywhere()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("t");
        Assert.Equal(24, (await JoinAsync(client, "", "")).Error);
        Assert.Equal(24, await CommitAsync(client, "", -1, "", "t", 1));
        Assert.Equal(24, await DeleteGroupAsync(client, ""));
        var answer = await client.CallAsync(10, 1, w => w.Text("").Int8(0));
        answer.Int32();
        Assert.Equal(24, answer.Int16());
    }

    [Fact]
    public async Task Metadata_of_an_offset_has_a_limit()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("t");
        Assert.Equal(12, await CommitAsync(client, "g", -1, "", "t", 1, new string('m', 5000)));
        Assert.Equal(0, await CommitAsync(client, "g", -1, "", "t", 1, new string('m', 4096)));
    }

    [Fact]
    public async Task A_member_whose_connection_goes_while_it_waits_does_not_hold_up_the_group()
    {
        using var first = await RawClient.ConnectAsync(Endpoint);
        var (_, _, id) = await JoinAsync(first, "g", "");
        Assert.Equal(0, (await JoinAsync(first, "g", id)).Error);
        using (var second = await RawClient.ConnectAsync(Endpoint))
        {
            var (_, _, secondId) = await JoinAsync(second, "g", "");
            await SendJoinAsync(second, "g", secondId);
        }

        // Until the broker has read the second member's request, the first is told that it is still in generation 1.
        var deadline = DateTime.UtcNow.AddSeconds(10);
        int generation;
        do
        {
            Assert.True(DateTime.UtcNow < deadline, "The second member should have begun generation 2 by now.");
            (var error, generation, _) = await JoinAsync(first, "g", id);
            Assert.Equal(0, error);
        }
        while (generation < 2);
    }

    private static Task SendJoinAsync(RawClient client, string group, string memberId) => client.SendAsync(11, 9, Join(group, memberId), flexible: true);

    private static Action<WireWriter> Join(string group, string memberId) => w => w
        .Text(group).Int32(10_000).Int32(10_000).Text(memberId).Text(null).Text("consumer").Count(1).Text("range").Bytes([1]).Tags().Text("testing").Tags();

    private static async Task<(short Error, int Generation, string MemberId)> JoinAsync(RawClient client, string group, string memberId)
    {
        var answer = await client.CallAsync(11, 9, Join(group, memberId), flexible: true);
        answer.Int32();
        var (error, generation) = (answer.Int16(), answer.Int32());
        answer.Text();
        answer.Text();
        answer.Text();
        answer.Int8();
        return (error, generation, answer.Text()!);
    }

    private static async Task<short> HeartbeatAsync(RawClient client, int generation, string memberId)
    {
        var answer = await client.CallAsync(12, 4, w => w.Text("g").Int32(generation).Text(memberId).Text(null).Tags(), flexible: true);
        answer.Int32();
        return answer.Int16();
    }

    private static async Task<short> CommitAsync(RawClient client, string group, int generation, string memberId, string topic, long offset, string metadata = "")
    {
        var answer = await client.CallAsync(8, 8, w => w
            .Text(group).Int32(generation).Text(memberId).Text(null)
            .Count(1).Text(topic).Count(1).Int32(0).Int64(offset).Int32(-1).Text(metadata).Tags().Tags().Tags(), flexible: true);
        answer.Int32();
        answer.Count();
        answer.Text();
        answer.Count();
        answer.Int32();
        return answer.Int16();
    }

    private static async Task<long> FetchOffsetAsync(RawClient client, string group, string topic)
    {
        var answer = await client.CallAsync(9, 8, w => w
            .Count(1).Text(group).Count(1).Text(topic).Count(1).Int32(0).Tags().Tags().Bool(false).Tags(), flexible: true);
        answer.Int32();
        answer.Count();
        answer.Text();
        answer.Count();
        answer.Text();
        answer.Count();
        answer.Int32();
        return answer.Int64();
    }

    private static async Task<short> DeleteGroupAsync(RawClient client, string group)
    {
        var answer = await client.CallAsync(42, 2, w => w.Count(1).Text(group).Tags(), flexible: true);
        answer.Int32();
        answer.Count();
        answer.Text();
        return answer.Int16();
    }
}
