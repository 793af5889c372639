using System.Buffers.Binary;
using Chat.LocalKafka;

namespace Chat.Tests.LocalKafka;

public class ProtocolTests : BrokerTest
{
    protected override KafkaBrokerOptions Options => base.Options with { MaxConnections = 50, ConnectionStall = TimeSpan.FromSeconds(1) };

    [Fact]
    public async Task A_version_of_ApiVersions_from_the_future_gets_version_0_with_the_list()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.SendFrameAsync(new WireWriter().Int16(18).Int16(99).Int32(42).Text("new").Raw([0, 1, 2, 3]).ToArray());

        var answer = await client.ReceiveAsync(correlation: 42);

        Assert.Equal(35, answer.Int16());
        var keys = ReadKeys(answer);
        Assert.Equal((0, 3), keys[18]);
        Assert.Equal(0, answer.Left);
        // The connection goes on.
        Assert.Equal(0, (await client.CallAsync(18, 0, _ => { })).Int16());
    }

    [Fact]
    public async Task Flexible_ApiVersions_has_an_answer_header_without_tags()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        var answer = await client.CallAsync(18, 3, w => w.Text("test").Text("1.0").Tags(), flexible: true);
        Assert.Equal(0, answer.Int16());
        var count = answer.Count();
        for (var i = 0; i < count; i++)
        {
            answer.Int16();
            Assert.True(answer.Int16() <= answer.Int16());
            answer.Tags();
        }

        answer.Int32();
        answer.Tags();
        Assert.Equal(0, answer.Left);
    }

    [Fact]
    public async Task Every_announced_version_of_every_request_is_read_or_ends_the_connection_but_never_the_broker()
    {
        using var first = await RawClient.ConnectAsync(Endpoint);
        var answer = await first.CallAsync(18, 0, _ => { });
        answer.Int16();
        foreach (var (key, (min, max)) in ReadKeys(answer))
        {
            for (var version = min; version <= max + 1; version++)
            {
                using var client = await RawClient.ConnectAsync(Endpoint);
                await client.SendFrameAsync(new WireWriter().Int16(key).Int16(version).Int32(1).Text(null).ToArray());
                // ApiVersions answers always, and ListGroups began without a body.
                if (key is not (18 or 16))
                    Assert.True(await client.IsClosedAsync(), $"An empty body of {key} version {version} is malformed.");
            }
        }

        Assert.Equal(0, (await first.CallAsync(18, 0, _ => { })).Int16());
    }

    [Theory]
    [InlineData(7, 0)] // ControlledShutdown: a request between brokers.
    [InlineData(999, 0)]
    [InlineData(-1, 0)]
    [InlineData(1, 0)] // A fetch older than record batches.
    [InlineData(1, 99)]
    [InlineData(0, -1)]
    public async Task What_is_not_implemented_closes_the_connection(short key, short version)
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.SendAsync(key, version, w => w.Raw(new byte[64]));
        Assert.True(await client.IsClosedAsync());
        await AssertAliveAsync();
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    public async Task An_impossible_length_closes_the_connection(int length)
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        var prefix = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(prefix, length);
        await client.SendBytesAsync(prefix);
        Assert.True(await client.IsClosedAsync());
        await AssertAliveAsync();
    }

    [Fact]
    public async Task Counts_that_the_bytes_do_not_cover_close_the_connection()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.SendAsync(3, 1, w => w.Int32(int.MaxValue));
        Assert.True(await client.IsClosedAsync());
        using var flexible = await RawClient.ConnectAsync(Endpoint);
        await flexible.SendAsync(3, 12, w => w.Raw([0xff, 0xff, 0xff, 0xff, 0x0f]), flexible: true);
        Assert.True(await flexible.IsClosedAsync());
        await AssertAliveAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(2048)]
    [InlineData(int.MaxValue)]
    public async Task Requests_are_answered_in_order_whatever_the_pieces_are_in_which_they_come(int pieceBytes)
    {
        int[] nameLengths = [0, 1, 2030, 2034, 2038, 2042, 0, 0, 4082, 4086, 5000, 0];
        var stream = new List<byte>();
        foreach (var (number, length) in nameLengths.Index())
        {
            var frame = new WireWriter().Int16(18).Int16(0).Int32(number).Text(new string('n', length)).ToArray();
            stream.AddRange([.. new WireWriter().Int32(frame.Length).ToArray(), .. frame]);
        }

        using var client = await RawClient.ConnectAsync(Endpoint);
        foreach (var piece in stream.Chunk(Math.Min(pieceBytes, stream.Count)))
            await client.SendBytesAsync(piece);

        for (var number = 0; number < nameLengths.Length; number++)
            Assert.Equal(0, (await client.ReceiveAsync(correlation: number)).Int16());
    }

    [Fact]
    public async Task A_request_that_stops_in_the_middle_is_given_up()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.SendBytesAsync([0, 0, 1, 0, 0, 3]);
        Assert.True(await client.IsClosedAsync()); // After the sweep that follows the stall, within the client's patience.
    }

    [Fact]
    public async Task What_was_asked_before_a_malformed_request_is_still_answered()
    {
        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("t");
        await client.SendProduceAsync("t", TestBatch.Of("x").ToBytes());
        await client.SendBytesAsync([0xff, 0xff, 0xff, 0xff]);
        Assert.Equal(0, KafkaCalls.ReadProduced(await client.ReceiveAsync()).Error);
        Assert.True(await client.IsClosedAsync());
    }

    [Fact]
    public async Task Announced_lengths_reserve_nothing_so_liars_keep_nobody_out()
    {
        var liars = new List<RawClient>();
        for (var i = 0; i < 20; i++)
        {
            liars.Add(await RawClient.ConnectAsync(Endpoint));
            await liars[^1].SendBytesAsync([1, 0xf0, 0, 0, 0, 3]); // 31.5 MiB are announced, 2 bytes come.
        }

        using var client = await RawClient.ConnectAsync(Endpoint);
        await client.CreateTopicAsync("t");
        Assert.Equal(0, (await client.ProduceAsync("t", TestBatch.Of(new string('x', 900_000)).ToBytes())).Error);
        liars.ForEach(l => l.Dispose());
    }

    [Fact]
    public async Task Random_bytes_never_stop_the_broker()
    {
        var random = new Random(4711);
        for (var round = 0; round < 300; round++)
        {
            using var client = await RawClient.ConnectAsync(Endpoint);
            var body = new byte[random.Next(0, 200)];
            random.NextBytes(body);
            if (round % 3 == 0)
                await client.SendBytesAsync(body);
            else
                await client.SendAsync((short)random.Next(0, 64), (short)random.Next(0, 12), w => w.Raw(body), flexible: round % 2 == 0);
        }

        await AssertAliveAsync();
    }

    [Fact]
    public async Task Mutated_requests_never_stop_the_broker()
    {
        var random = new Random(815);
        using (var setup = await RawClient.ConnectAsync(Endpoint))
            await setup.CreateTopicAsync("t");
        var good = new WireWriter().Int16(0).Int16(7).Int32(1).Text("raw").Text(null).Int16(-1).Int32(1000)
            .Count(1).Text("t").Count(1).Int32(0).Bytes(TestBatch.Of("some", "values").ToBytes()).ToArray();
        for (var round = 0; round < 300; round++)
        {
            using var client = await RawClient.ConnectAsync(Endpoint);
            var mutated = good.ToArray();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
                mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
            await client.SendFrameAsync(mutated[..random.Next(8, mutated.Length + 1)]);
        }

        await AssertAliveAsync();
        using var check = await RawClient.ConnectAsync(Endpoint);
        Assert.Equal(0, (await check.ProduceAsync("t", TestBatch.Of("after").ToBytes())).Error);
    }

    [Fact]
    public async Task Connections_beyond_the_bound_are_closed_and_places_become_free_again()
    {
        var clients = new List<RawClient>();
        for (var i = 0; i < 50; i++)
        {
            clients.Add(await RawClient.ConnectAsync(Endpoint));
            await clients[^1].CallAsync(18, 0, _ => { });
        }

        using (var refused = await RawClient.ConnectAsync(Endpoint))
            Assert.True(await refused.IsClosedAsync());
        clients.ForEach(c => c.Dispose());
        await AssertAliveAsync();
    }

    private async Task AssertAliveAsync()
    {
        var deadline = DateTime.UtcNow.AddSeconds(30);
        while (true)
        {
            try
            {
                using var client = await RawClient.ConnectAsync(Endpoint);
                Assert.Equal(0, (await client.CallAsync(18, 0, _ => { })).Int16());
                return;
            }
            catch (IOException) when (DateTime.UtcNow < deadline)
            {
                await Task.Delay(20); // Closed connections still count until the broker has noticed.
            }
        }
    }

    private static Dictionary<short, (short Min, short Max)> ReadKeys(WireReader answer)
    {
        var keys = new Dictionary<short, (short, short)>();
        for (var count = answer.Count(); count > 0; count--)
            keys[answer.Int16()] = (answer.Int16(), answer.Int16());
        return keys;
    }
}
