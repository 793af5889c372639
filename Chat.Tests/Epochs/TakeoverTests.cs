using System.Diagnostics;
using System.Net;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Tests.Backends;
using Chat.Tests.Persister;
using Confluent.Kafka;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Epochs;

/// <summary>Redis loses data while members chat: what was acknowledged keeps its place before what is sent afterwards, however far the persister is behind.</summary>
public sealed class TakeoverTests(PostgresFixture postgres)
{
    [Fact]
    public async Task While_a_partition_is_closed_sends_are_refused_and_not_logged_and_afterwards_stand_in_their_order()
    {
        await using var platform = await Platform.StartAsync(postgres);
        await using var chain = await Chain.StartAsync(platform);
        await chain.SendAsync(10);
        await platform.EmptyRedisAsync();
        // The first one is in the log when its node finds out, and nobody opens the partition.
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await chain.TryAsync());
        foreach (var node in platform.Nodes) await node.Services.GetRequiredService<EpochStore>().EnsureInForceAsync(CancellationToken.None);
        var logged = EndOfLog(platform, chain.RoomId);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await chain.TryAsync());
        Assert.Equal(logged, EndOfLog(platform, chain.RoomId));

        await platform.StartPersisterAsync();

        await chain.SendAsync(10);
        await chain.VerifyAsync();
        Assert.Contains((await platform.RowsAsync(chain.RoomId)), row => row.Epoch == 1 && row.Content == "0");
    }

    [Fact]
    public async Task Redis_emptied_again_and_again_under_load_changes_no_order()
    {
        await using var platform = await Platform.StartAsync(postgres);
        await platform.StartPersisterAsync();
        await using var chains = await Chains.StartAsync(platform, 4);
        await chains.FlowAsync(20);
        // Twice in a row, before anybody noticed the first time and then while the new epoch catches up.
        foreach (var hasBegun in new[] { false, true })
        {
            var epoch = await platform.EpochAsync();
            await platform.EmptyRedisAsync();
            if (hasBegun) await PersisterServers.PollAsync(async () => await platform.EpochAsync() > epoch, () => $"an epoch after {epoch}");
            await platform.EmptyRedisAsync();
            await chains.FlowAsync(20);
        }
        await chains.VerifyAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_older_copy_of_Redis_under_load_changes_no_order(bool persisterLags)
    {
        await using var platform = await Platform.StartAsync(postgres);
        await platform.StartPersisterAsync();
        await using var chains = await Chains.StartAsync(platform, 4);
        await chains.FlowAsync(20);
        if (persisterLags) await platform.StopPersisterAsync();
        await chains.FlowAsync(10);
        using var copy = new TestDirectory();
        Run("cp", "-a", Path.Combine(platform.Redis.DataPath, "appendonlydir"), copy["copy"]);
        await chains.FlowAsync(20);

        await platform.Redis.KillAsync();
        Run("rm", "-r", Path.Combine(platform.Redis.DataPath, "appendonlydir"));
        Run("cp", "-a", copy["copy"], Path.Combine(platform.Redis.DataPath, "appendonlydir"));
        await platform.Redis.StartAsync();
        if (persisterLags) await platform.StartPersisterAsync();

        await chains.FlowAsync(20);
        await chains.VerifyAsync();
    }

    [Fact]
    public async Task An_older_copy_that_comes_back_after_its_events_were_numbered_anew_doubles_and_loses_nothing()
    {
        await using var platform = await Platform.StartAsync(postgres);
        await using var chains = await Chains.StartAsync(platform, 2);
        await chains.FlowAsync(20);
        using var copy = new TestDirectory();
        Run("cp", "-a", Path.Combine(platform.Redis.DataPath, "appendonlydir"), copy["copy"]);
        await platform.StartPersisterAsync();
        await platform.EmptyRedisAsync();
        await chains.FlowAsync(20);
        // A part of what epoch 1 numbered is in Postgres now; the copy knows all of it under numbers of epoch 0.
        await platform.Redis.KillAsync();
        Run("rm", "-r", Path.Combine(platform.Redis.DataPath, "appendonlydir"));
        Run("cp", "-a", copy["copy"], Path.Combine(platform.Redis.DataPath, "appendonlydir"));
        await platform.Redis.StartAsync();

        await chains.FlowAsync(20);
        await chains.VerifyAsync();
    }

    [Fact]
    public async Task Redis_emptied_while_Postgres_is_away_refuses_sends_until_it_is_back()
    {
        await using var platform = await Platform.StartAsync(shared: null);
        await platform.StartPersisterAsync();
        await using var chain = await Chain.StartAsync(platform);
        await chain.SendAsync(20);
        await platform.Postgres.KillAsync();
        await chain.SendAsync(20); // live chat goes on
        await platform.EmptyRedisAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await chain.TryAsync());

        await platform.Postgres.StartAsync();

        await chain.SendAsync(20);
        await chain.VerifyAsync();
    }

    private static long EndOfLog(Platform platform, string roomId)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = platform.Backing.Kafka, GroupId = "end-of-log" }).Build();
        return consumer.QueryWatermarkOffsets(new TopicPartition(LogTopics.Events, LogTopics.PartitionOf(roomId)), TimeSpan.FromSeconds(30)).High.Value;
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
    }
}
