using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Chat.LoadTest.Crowds;
using Chat.LoadTest.Measuring;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;
using Chat.Tests.EndToEnd;

namespace Chat.Tests.LoadTest;

/// <summary>A light client in front of a server that breaks its promises: what it does not deliver, or twice, or out of order, reaches the accounts, live and in recovered gaps.</summary>
public sealed class CrowdAccountTests : IAsyncDisposable
{
    private const int Publishes = 20;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Ledger _ledger = new(new PublishSchedule(Publishes, 1, TimeSpan.Zero, TimeSpan.FromSeconds(1)), [0]);
    private readonly ConcurrentQueue<string> _problems = new();
    private readonly Watch _watch;
    private readonly Crowd _crowd;

    public CrowdAccountTests()
    {
        _listener.Start();
        for (var publish = 0; publish < Publishes; publish++) _ledger.Tell(publish, PublishFate.Acked);
        _watch = new Watch(_ledger);
        var route = new Route("server", new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}"));
        _crowd = Crowd.Gather([route], new RunClock(), [new User("ann", "token")], CrowdPlan.OneRoomEach("tag", 1, 1), _problems, _watch, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_faithful_server_leaves_nothing_to_tell()
    {
        await PlayAsync(Enumerable.Range(0, Publishes));
        Assert.Equal((0L, 0L, 0L, 0L), Told);
        Assert.Empty(_problems);
    }

    [Fact]
    public async Task What_a_server_loses_doubles_and_reorders_is_counted()
    {
        // 3 and the last are lost, 5 comes twice, 8 comes behind 9.
        await PlayAsync([0, 1, 2, 4, 5, 5, 6, 7, 9, 8, .. Enumerable.Range(10, Publishes - 11)]);
        Assert.Equal((2L, 1L, 1L, 1L), Told);
        Assert.NotEmpty(_problems);
    }

    [Fact]
    public async Task An_event_that_is_missing_in_a_recovered_gap_is_lost()
    {
        // The connection is cut behind 4; the gap brings 5 to 9 without 7.
        var losses = await PlayAsync(Enumerable.Range(0, 5), gap: [5, 6, 8, 9], then: Enumerable.Range(10, 10));
        Assert.Equal((1L, 0L, 0L, 1L), Told);
        Assert.Equal(1, losses);
    }

    public async ValueTask DisposeAsync()
    {
        await _crowd.DisposeAsync();
        _listener.Dispose();
    }

    private (long Lost, long Duplicates, long Reordered, long Holes) Told => _ledger.Close() is var accounts ? (accounts.Lost, accounts.Duplicates, accounts.Reordered, accounts.Holes) : default;

    /// <summary>Event number N has <c>seq</c> N + 1.</summary>
    /// <returns>How many connections the client had lost before the last one ended.</returns>
    private async Task<int> PlayAsync(IEnumerable<int> first, IReadOnlyList<int>? gap = null, IEnumerable<int>? then = null)
    {
        var opening = _crowd.OpenAsync(_crowd.Clients, TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        var sent = first.ToList();
        using (var server = await SubscribedAsync([], head: 0))
        {
            await opening;
            foreach (var publish in sent) await server.SendAsync(Event(publish));
            await _watch.CameAsync(sent.Count);
        }
        if (gap is null) return 0;
        using (var server = await SubscribedAsync(gap, head: gap[^1] + 1))
        {
            var rest = then!.ToList();
            foreach (var publish in rest) await server.SendAsync(Event(publish));
            await _watch.CameAsync(sent.Count + gap.Count + rest.Count);
            return _crowd.Clients[0].Losses;
        }
    }

    private async Task<Server> SubscribedAsync(IReadOnlyList<int> missed, int head)
    {
        var server = new Server(await _listener.AcceptSocketAsync().Within("the connection of the client"));
        await server.BeginAsync();
        await server.SendAsync("""{"event_type":"welcome","node_id":"node"}""");
        await server.SendAsync($$"""{"event_type":"ack","id":{{await server.CommandIdAsync()}},"room_id":"tag-room-0","epoch":"0","head_seq":{{head}},"first_seq":1,"recovered":true,"events":[{{string.Join(',', missed.Select(Event))}}]}""");
        return server;
    }

    private static string Event(int publish) =>
        $$"""{"event_type":"chat_message","event_id":"e{{publish}}","room_id":"tag-room-0","seq":{{publish + 1}},"epoch":"0","content":"{{PublishContent.Of(publish, 20)}}"}""";

    private sealed class Watch(Ledger ledger) : ICrowdWatch
    {
        private readonly SemaphoreSlim _came = new(0);
        private int _seen;

        public void Came(int client, in EventGlance glance)
        {
            ledger.Take(client, glance.Seq, glance.Epoch, PublishContent.NumberIn(glance.Content));
            _came.Release();
        }

        public async Task CameAsync(int count)
        {
            for (; _seen < count; _seen++) await _came.WaitAsync().Within($"event {_seen + 1} of {count}");
        }
    }

    private sealed class Server(Socket socket) : IDisposable
    {
        private readonly NetworkStream _stream = new(socket, ownsSocket: true);

        public async Task BeginAsync()
        {
            var request = "";
            while (!request.EndsWith("\r\n\r\n", StringComparison.Ordinal)) request += (char)(await ReadAsync(1))[0];
            await _stream.WriteAsync("HTTP/1.1 101 Switching Protocols\r\n\r\n"u8.ToArray());
        }

        public async Task SendAsync(string text)
        {
            var payload = Encoding.UTF8.GetBytes(text);
            byte[] head = payload.Length < 126 ? [0x81, (byte)payload.Length] : [0x81, 126, (byte)(payload.Length >> 8), (byte)payload.Length];
            await _stream.WriteAsync((byte[])[.. head, .. payload]);
        }

        public async Task<int> CommandIdAsync()
        {
            var length = (await ReadAsync(2))[1] & 0x7F;
            if (length == 126) length = await ReadAsync(2) is var two ? (two[0] << 8) | two[1] : 0;
            var mask = await ReadAsync(4);
            using var json = JsonDocument.Parse((await ReadAsync(length)).Select((one, i) => (byte)(one ^ mask[i & 3])).ToArray());
            Assert.Equal("subscribe", json.RootElement.GetProperty("event_type").GetString());
            return json.RootElement.GetProperty("id").GetInt32();
        }

        public void Dispose() => _stream.Dispose();

        private async Task<byte[]> ReadAsync(int count)
        {
            var bytes = new byte[count];
            await _stream.ReadExactlyAsync(bytes).AsTask().Within("bytes of the client");
            return bytes;
        }
    }
}
