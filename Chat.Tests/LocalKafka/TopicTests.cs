namespace Chat.Tests.LocalKafka;

public class TopicTests : BrokerTest
{
    [Theory]
    [InlineData("ok", 1, 1, 0)]
    [InlineData("defaults", -1, -1, 0)]
    [InlineData("taken", 1, 1, 36)]
    [InlineData("none", 0, 1, 37)]
    [InlineData("negative", -2, 1, 37)]
    [InlineData("replicated", 1, 3, 38)]
    [InlineData("unreplicated", 1, 0, 38)]
    [InlineData("no spaces", 1, 1, 17)]
    [InlineData("..", 1, 1, 17)]
    [InlineData("", 1, 1, 17)]
    public async Task Topics_are_made_or_refused_with_the_reason(string name, int partitions, short replication, short error)
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("taken");
        Assert.Equal(error, await CreateAsync(client, name, partitions, replication));
        Assert.Equal(error is 0 or 36, (await TopicNamesAsync(client)).Contains(name));
    }

    [Theory]
    [InlineData("retention.ms", "soon", 40)]
    [InlineData("retention.ms", "-2", 40)]
    [InlineData("cleanup.policy", "compact", 40)]
    [InlineData("min.insync.replicas", "2", 40)]
    [InlineData("no.such.setting", "1", 40)]
    [InlineData("segment.bytes", "1048576", 0)]
    [InlineData("cleanup.policy", "delete", 0)]
    public async Task Settings_are_honoured_or_refused(string name, string value, short error)
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        Assert.Equal(error, await CreateAsync(client, "t", settings: (name, value)));
    }

    [Fact]
    public async Task Validation_alone_makes_nothing()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        Assert.Equal(0, await CreateAsync(client, "imagined", validateOnly: true));
        Assert.Empty(await TopicNamesAsync(client));
    }

    [Fact]
    public async Task Topics_and_their_records_survive_a_restart_and_keep_their_id()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("t", partitions: 3, ("retention.ms", "3600000"));
        await client.ProduceAsync("t", TestBatch.Of("x").ToBytes(), partition: 2);
        var before = await DescribeAsync(client, "t");

        await RestartAsync();

        using var again = await RawClient.ConnectAsync(Endpoint);
        Assert.Equal(before, await DescribeAsync(again, "t"));
        Assert.Equal(3, before.Partitions);
        Assert.NotEmpty((await again.FetchAsync("t", 0, partition: 2)).Records);
    }

    [Fact]
    public async Task A_deleted_topic_is_gone_and_its_name_begins_anew()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("t");
        await client.ProduceAsync("t", TestBatch.Of("old").ToBytes());
        Assert.Equal(0, await DeleteAsync(client, "t"));
        Assert.Equal(3, await DeleteAsync(client, "t"));
        Assert.Equal(3, (await client.FetchAsync("t", 0)).Error);

        await client.CreateTopicAsync("t");

        Assert.Equal((0, 0L), ((await client.FetchAsync("t", 0)).Error, (await client.FetchAsync("t", 0)).HighWatermark));
    }

    [Fact]
    public async Task A_fetch_that_waits_on_a_topic_hears_that_it_is_deleted()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        using var other = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("t");
        var waiting = client.FetchAsync("t", 0, maxWait: 60_000);
        await DeleteAsync(other, "t");
        Assert.Equal(3, (await waiting).Error);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 3)]
    public async Task Asking_for_an_unknown_topic_makes_it_only_when_the_client_wants_that(bool allow, short error)
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        var answer = await client.CallAsync(3, 4, w => w.Count(1).Text("wanted").Bool(allow));
        Assert.Equal(error, ReadMetadata(answer).Error);
        Assert.Equal(allow, (await TopicNamesAsync(client)).Contains("wanted"));
    }

    private static async Task<short> CreateAsync(
        RawClient client, string name, int partitions = 1, short replication = 1, bool validateOnly = false, params (string Name, string Value)[] settings)
    {
        var answer = await client.CallAsync(19, 7, w =>
        {
            w.Count(1).Text(name).Int32(partitions).Int16(replication).Count(0).Count(settings.Length);
            foreach (var (setting, value) in settings)
                w.Text(setting).Text(value).Tags();
            w.Tags().Int32(1000).Bool(validateOnly).Tags();
        }, flexible: true);
        answer.Int32();
        Assert.Equal(1, answer.Count());
        Assert.Equal(name, answer.Text());
        answer.Uuid();
        return answer.Int16();
    }

    private static async Task<short> DeleteAsync(RawClient client, string name)
    {
        var answer = await client.CallAsync(20, 1, w => w.Count(1).Text(name).Int32(1000));
        answer.Int32();
        answer.Count();
        answer.Text();
        return answer.Int16();
    }

    private static async Task<List<string>> TopicNamesAsync(RawClient client)
    {
        var answer = await client.CallAsync(3, 1, w => w.Count(-1));
        SkipBrokers(answer);
        answer.Int32();
        var names = new List<string>();
        for (var count = answer.Count(); count > 0; count--)
        {
            answer.Int16();
            names.Add(answer.Text()!);
            answer.Int8();
            for (var partitions = answer.Count(); partitions > 0; partitions--)
            {
                answer.Int16();
                answer.Int32();
                answer.Int32();
                Assert.Equal((1, 1), (answer.Count(), answer.Int32()));
                Assert.Equal((1, 1), (answer.Count(), answer.Int32()));
            }
        }

        Assert.Equal(0, answer.Left);
        return names;
    }

    private static void SkipBrokers(WireReader answer)
    {
        Assert.Equal(1, answer.Count());
        Assert.Equal(1, answer.Int32());
        answer.Text();
        answer.Int32();
        answer.Text();
    }

    private static (short Error, string? Name) ReadMetadata(WireReader answer)
    {
        answer.Int32();
        SkipBrokers(answer);
        answer.Text();
        answer.Int32();
        Assert.Equal(1, answer.Count());
        return (answer.Int16(), answer.Text());
    }

    private static async Task<(Guid Id, int Partitions)> DescribeAsync(RawClient client, string topic)
    {
        var answer = await client.CallAsync(3, 12, w => w.Count(1).Raw(new byte[16]).Text(topic).Tags().Bool(false).Bool(false).Tags(), flexible: true);
        answer.Int32();
        SkipBrokers(answer);
        answer.Tags();
        answer.Text();
        answer.Int32();
        Assert.Equal(1, answer.Count());
        Assert.Equal(0, answer.Int16());
        Assert.Equal(topic, answer.Text());
        var id = answer.Uuid();
        answer.Int8();
        return (id, answer.Count());
    }
}
