using Chat.LocalKafka;
using Confluent.Kafka;

namespace Chat.Tests.LocalKafka;

/// <summary>The broker as a process: how it starts, stops, refuses, and what a kill leaves behind.</summary>
public sealed class BrokerProcessTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task It_says_ready_in_one_line_and_ends_with_0_when_it_is_told_to()
    {
        await using var broker = await BrokerProcess.StartAsync(_directory.Path);
        using (var client = await RawClient.ConnectAsync(broker.Endpoint))
            await client.CreateTopicAsync("t");
        Assert.Equal(0, await broker.StopAsync());
        Assert.Equal($"READY {broker.Endpoint}", Assert.Single(broker.Output));
    }

    [Fact]
    public async Task A_second_broker_says_who_holds_the_directory()
    {
        await using var broker = await BrokerProcess.StartAsync(_directory.Path);
        var (exitCode, error) = await BrokerProcess.RunAsync("--data", _directory.Path, "--port", "0");
        Assert.NotEqual(0, exitCode);
        Assert.Contains("in use by process", error);
        var inProcess = await Assert.ThrowsAsync<DataDirectoryInUseException>(() => KafkaBroker.StartAsync(new() { Data = _directory.Path }));
        Assert.Contains("in use by process", inProcess.Message);
    }

    [Theory]
    [InlineData("--port is no port", "--data", "x", "--port", "70000")]
    [InlineData("Unknown option", "--data", "x", "--no-such-option", "1")]
    [InlineData("needs a value", "--data")]
    [InlineData("is no number", "--data", "x", "--max-connections", "many")]
    [InlineData("--data is missing", "--port", "0")]
    [InlineData("--advertised-host", "--data", "x", "--host", "0.0.0.0")]
    public async Task Bad_options_are_named_with_their_remedy(string expected, params string[] arguments)
    {
        var (exitCode, error) = await BrokerProcess.RunAsync(arguments);
        Assert.Equal(2, exitCode);
        Assert.Contains(expected, error.Replace("--port 70000", "--port"));
    }

    [Fact]
    public async Task Nothing_acknowledged_is_lost_or_doubled_when_the_broker_is_killed_under_load()
    {
        const int kills = 5;
        var broker = await BrokerProcess.StartAsync(_directory.Path, 0, "--segment-bytes", "200000");
        try
        {
            var port = broker.Port;
            using (var setup = await RawClient.ConnectAsync(broker.Endpoint))
                await setup.CreateTopicAsync("t", partitions: 3);
            using var stop = new CancellationTokenSource();
            var load = new KillLoad(broker.Endpoint, "t", partitions: 3);
            var producing = load.RunAsync(stop.Token);
            var random = new Random(2024);
            for (var i = 0; i < kills; i++)
            {
                await load.UntilAcknowledgedAsync(load.Acknowledged + random.Next(500, 3000));
                await broker.KillAsync();
                await broker.DisposeAsync();
                broker = await BrokerProcess.StartAsync(_directory.Path, port, "--segment-bytes", "200000");
            }

            await load.UntilAcknowledgedAsync(load.Acknowledged + 500);
            await stop.CancelAsync();
            await producing.WaitAsync(TimeSpan.FromSeconds(60));

            load.AssertExactlyOnce();
        }
        finally
        {
            await broker.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_clean_stop_leaves_no_record_unanswered()
    {
        for (var round = 0; round < 10; round++)
        {
            var broker = await KafkaBroker.StartAsync(new() { Data = _directory.Path });
            using var client = await RawClient.ConnectAsync(broker.Endpoint);
            var topic = $"t{round}";
            await client.CreateTopicAsync(topic);
            var started = new TaskCompletionSource();
            var producing = Task.Run(async () =>
            {
                var answered = 0;
                try
                {
                    while (true)
                    {
                        Assert.Equal(0, (await client.ProduceAsync(topic, TestBatch.Of("x").ToBytes())).Error);
                        if (++answered == 20)
                            started.SetResult();
                    }
                }
                catch (IOException)
                {
                    return answered; // The connection ended.
                }
            });
            await started.Task.WaitAsync(TimeSpan.FromSeconds(60));
            await broker.DisposeAsync();
            var answered = await producing.WaitAsync(TimeSpan.FromSeconds(60));

            await using var again = await KafkaBroker.StartAsync(new() { Data = _directory.Path });
            using var check = await RawClient.ConnectAsync(again.Endpoint);
            Assert.Equal((0, -1L, (long)answered), await check.ListOffsetAsync(topic, -1));
        }
    }

    [Fact]
    public async Task Committed_offsets_survive_a_kill_that_follows_their_answer()
    {
        var broker = await BrokerProcess.StartAsync(_directory.Path);
        try
        {
            using (var client = await RawClient.ConnectAsync(broker.Endpoint))
            {
                await client.CreateTopicAsync("t");
                for (var i = 0; i < 20; i++)
                {
                    var answer = await client.CallAsync(8, 2, w => w.Text("g").Int32(-1).Text("").Int64(-1)
                        .Count(1).Text("t").Count(1).Int32(0).Int64(i).Text("note"));
                    Assert.Equal((1, "t", 1, 0, 0), (answer.Count(), answer.Text(), answer.Count(), answer.Int32(), answer.Int16()));
                }
            }

            await broker.KillAsync();
            await broker.DisposeAsync();
            broker = await BrokerProcess.StartAsync(_directory.Path);
            using var consumer = new ConsumerBuilder<string, string>(new ConsumerConfig { BootstrapServers = broker.Endpoint, GroupId = "g" }).Build();
            Assert.Equal(19, consumer.Committed([new TopicPartition("t", 0)], TimeSpan.FromSeconds(30))[0].Offset.Value);
        }
        finally
        {
            await broker.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_full_disk_refuses_records_and_nothing_breaks()
    {
        // Files may not grow beyond 400 KB: writes fail as on a full disk.
        await using var broker = await BrokerProcess.StartLimitedAsync(_directory.Path, fileKilobytes: 400);
        using var client = await RawClient.ConnectAsync(broker.Endpoint);
        await client.CreateTopicAsync("t");
        var acknowledged = 0;
        Produced last;
        do
        {
            last = await client.ProduceAsync("t", TestBatch.Of(new string('x', 50_000)).ToBytes());
            acknowledged += last.Error == 0 ? 1 : 0;
        }
        while (last.Error == 0 && acknowledged < 50);

        Assert.Equal((56, 8), (last.Error, acknowledged));
        Assert.Equal((0, (long)acknowledged), ((await client.FetchAsync("t", 0)).Error, (await client.FetchAsync("t", 0)).HighWatermark));
        Assert.Equal((0, 8L), ((await client.ProduceAsync("t", TestBatch.Of("fits").ToBytes())).Error, (await client.ListOffsetAsync("t", -1)).Offset - 1));
    }
}
