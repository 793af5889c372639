using System.Net;
using System.Text.Json;
using Chat.Tests.Persister;
using Chat.Tests.Realtime;

namespace Chat.Tests.Epochs;

/// <summary>
/// One room whose messages each follow from the one before: number i is sent, to the nodes in turn, after number i - 1 was acknowledged, and again under its
/// client_id until it is acknowledged itself. So history has exactly one right order, whatever happens.
/// </summary>
internal sealed class Chain : IAsyncDisposable
{
    // A takeover, a broker or a Postgres that starts, on a busy machine.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Platform _platform;
    private readonly HttpClient[] _clients;
    private int _acknowledged;

    private Chain(Platform platform, string roomId, HttpClient[] clients) => (_platform, RoomId, _clients) = (platform, roomId, clients);

    public string RoomId { get; }

    public int Acknowledged => Volatile.Read(ref _acknowledged);

    public static async Task<Chain> StartAsync(Platform platform, string? roomId = null)
    {
        var user = NodeFixture.Name("chain");
        roomId ??= NodeFixture.Name("room");
        HttpClient[] clients = [.. platform.Nodes.Select(node => node.Http(user))];
        using var made = await clients[0].PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = roomId, kind = "public" }));
        Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync());
        return new Chain(platform, roomId, clients);
    }

    /// <summary>Sends until it is cancelled; the message that is under way is brought to its end.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested) await SendAsync();
    }

    public async Task SendAsync(int count)
    {
        for (var i = 0; i < count; i++) await SendAsync();
    }

    /// <summary>One try to send the next message: 201, or the status of the refusal.</summary>
    public async Task<HttpStatusCode> TryAsync()
    {
        var number = Acknowledged;
        using var reply = await _clients[number % _clients.Length].PostAsync($"/api/rooms/{RoomId}/messages", NodeFixture.JsonContent(new { content = $"{number}", client_id = $"{RoomId}-{number}" }));
        Assert.True(reply.StatusCode is HttpStatusCode.Created or HttpStatusCode.ServiceUnavailable, $"{reply.StatusCode}: {await reply.Content.ReadAsStringAsync()}");
        if (reply.StatusCode == HttpStatusCode.Created) Interlocked.Increment(ref _acknowledged);
        return reply.StatusCode;
    }

    /// <summary>Waits until <paramref name="count"/> more messages are acknowledged.</summary>
    public Task FlowsAsync(int count)
    {
        var target = Acknowledged + count;
        return PersisterServers.PollAsync(() => Task.FromResult(Acknowledged >= target), () => $"{target} acknowledged messages of {RoomId}, where there are {Acknowledged}");
    }

    /// <summary>Postgres has every acknowledged message once, in the order in which they follow from one another, and nodes show the same.</summary>
    public async Task VerifyAsync()
    {
        IReadOnlyList<(long Seq, int Epoch, string Content)> rows = [];
        await PersisterServers.PollAsync(async () => (rows = await _platform.RowsAsync(RoomId)).Count >= Acknowledged, () => $"{Acknowledged} messages of {RoomId} in Postgres, where there are {rows.Count}");
        Assert.Equal(Enumerable.Range(0, Acknowledged).Select(i => $"{i}"), rows.Select(row => row.Content));
        foreach (var (before, after) in rows.Zip(rows.Skip(1)))
            Assert.True(after.Epoch > before.Epoch || after.Seq == before.Seq + 1, $"{after} follows {before}");
        foreach (var client in _clients)
            Assert.Equal(rows.Select(row => row.Seq), await HistoryAsync(client));
    }

    private async Task SendAsync()
    {
        var deadline = DateTime.UtcNow + Patience;
        while (await TryAsync() != HttpStatusCode.Created)
        {
            if (DateTime.UtcNow > deadline) throw new TimeoutException($"Message {Acknowledged} of {RoomId} was not acknowledged within {Patience.TotalSeconds} s.");
            await Task.Delay(50);
        }
    }

    private async Task<IReadOnlyList<long>> HistoryAsync(HttpClient client)
    {
        var seqs = new List<long>();
        for (long after = 0, more = 1; more == 1;)
        {
            var page = JsonDocument.Parse(await client.GetStringAsync($"/api/rooms/{RoomId}/messages?after_seq={after}&limit=200")).RootElement;
            var events = page.GetProperty("events").EnumerateArray().ToList();
            seqs.AddRange(events.Where(e => e.GetProperty("event_type").GetString() == "chat_message").Select(e => e.GetProperty("seq").GetInt64()));
            more = page.GetProperty("has_more").GetBoolean() && events.Count > 0 ? 1 : 0;
            if (events.Count > 0) after = events[^1].GetProperty("seq").GetInt64();
        }
        return seqs;
    }

    public ValueTask DisposeAsync()
    {
        foreach (var client in _clients) client.Dispose();
        return ValueTask.CompletedTask;
    }
}
