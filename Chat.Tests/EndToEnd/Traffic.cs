using System.Collections.Concurrent;
using Chat.Client;
using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Tests.EndToEnd;

/// <summary>
/// Two members of one room, at different nodes or at the gateway, who send without a pause and read along, as ordinary clients do.
/// Afterwards <see cref="VerifyAsync"/> asks whether every promise held.
/// </summary>
internal sealed class Traffic : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(15);

    private readonly ChatSystem _system;
    private readonly Person[] _people;
    private readonly Device[] _devices;
    private readonly string _room;
    private readonly long _start;
    private readonly ConcurrentQueue<SendReceipt> _receipts = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _sending;

    private Traffic(ChatSystem system, Person[] people, Device[] devices, string room, long start)
    {
        (_system, _people, _devices, _room, _start) = (system, people, devices, room, start);
        _sending = Task.WhenAll(devices.Select((device, number) => Task.Run(() => SendAsync(device, number))));
    }

    public string RoomId => _room;

    /// <param name="system">The system.</param>
    /// <param name="origins">Where the two are connected.</param>
    public static async Task<Traffic> StartAsync(ChatSystem system, params Uri[] origins)
    {
        var people = new[] { await system.RegisterAsync("writer"), await system.RegisterAsync("writer") };
        var room = await people[0].CreateRoomAsync();
        await people[1].Api.JoinRoomAsync(room);
        // The join may still be on its way through the log; the traffic is counted from after it.
        await Await.UntilAsync(
            async () => (await Database.HistoryAsync(people[0], room)).Any(e => e.EventType == EventTypes.UserJoin && e.SenderId == people[1].UserId),
            () => "the join in history");
        var devices = new List<Device>();
        var head = 0L;
        foreach (var (person, origin) in people.Zip(origins))
        {
            var device = await person.ConnectAsync(origin);
            head = (await device.Connection.SubscribeAsync(room).Within("the subscription")).HeadSeq;
            devices.Add(device);
        }
        return new Traffic(system, people, [.. devices], room, head);
    }

    /// <summary>Waits until <paramref name="count"/> more messages are acknowledged: the system works.</summary>
    public Task FlowsAsync(int count)
    {
        var target = _receipts.Count + count;
        return Await.UntilAsync(() => _receipts.Count >= target, () => $"{count} more receipts (there are {_receipts.Count} of {target}; {string.Join("; ", _devices.Select(d => d.Connection.State))})");
    }

    /// <summary>Ends the sending and checks what must hold at rest.</summary>
    /// <param name="redisWasHurt">
    /// Redis lost data while members chatted: what was not persisted yet may get another number from the log, and readers may be told to load the room again.
    /// A killed one that keeps its file counts too: while a sync of the file is under way, Redis answers before it writes.
    /// </param>
    public async Task VerifyAsync(bool redisWasHurt = false)
    {
        await _stop.CancelAsync();
        await _sending.Within("the last receipts"); // a refused message would throw here
        var acknowledged = _receipts.ToArray();

        // Every acknowledged message is in history exactly once, at the number that its receipt names. Only what Redis forgot before
        // it was persisted has another one, of a later epoch.
        var history = await SettledHistoryAsync(acknowledged.Length);
        var messages = history.Where(e => e.EventType == EventTypes.ChatMessage).ToArray();
        Assert.Equal(acknowledged.Select(r => r.EventId).Order(), messages.Select(e => e.EventId!).Order());
        Assert.Distinct(messages.Select(e => e.ClientId));
        var byId = messages.ToDictionary(e => e.EventId!);
        foreach (var receipt in acknowledged)
        {
            var message = byId[receipt.EventId];
            Assert.True(message.Seq == receipt.Seq || (redisWasHurt && message.Epoch != receipt.Epoch), $"{receipt} is in history as {message.Seq} of epoch {message.Epoch}");
        }

        // Numbers ascend, and within an epoch they have no holes.
        foreach (var (before, after) in history.Zip(history.Skip(1)))
            Assert.True(after.Seq == before.Seq + 1 || (after.Seq > before.Seq && after.Epoch != before.Epoch), $"{after.Seq} in epoch {after.Epoch} follows {before.Seq} in epoch {before.Epoch}");

        // What a sender sent one after the other stands in that order, also where it was numbered anew.
        foreach (var sender in _people)
        {
            var numbers = messages.Where(e => e.SenderId == sender.UserId).Select(e => int.Parse(e.Content!)).ToArray();
            Assert.Equal(Enumerable.Range(0, numbers.Length), numbers);
        }

        // Each reader saw everything in order and once; only where it was told to load again may something be missing.
        foreach (var device in _devices)
        {
            var last = history[^1].Seq;
            await Await.UntilAsync(() => device.Durable(_room) is [.., var newest] && newest.Seq >= last || device.Resets.Any(reset => reset.HeadSeq >= last), () => $"event {last} at the reader (its newest is {device.Durable(_room)[^1].Seq})");
            var seen = device.Durable(_room).Select(e => (e.Seq!.Value, e.EventId!)).ToArray();
            Assert.Equal(seen.DistinctBy(e => e.Value).OrderBy(e => e.Value), seen);
            var expected = history.Where(e => e.Seq > _start).Select(e => (e.Seq!.Value, e.EventId!)).ToArray();
            // Whatever anybody saw: one number, one event.
            Assert.All(seen.Concat(expected).GroupBy(e => e.Value), number => Assert.Single(number.Distinct()));
            // What stands in history as it was seen is the rule; only what Redis forgot before it was persisted was seen under another number.
            if (!redisWasHurt) Assert.Empty(seen.Except(expected));
            else Assert.All(seen.Except(expected), e => Assert.Contains(e.Item2, byId.Keys));
            if (device.Resets.IsEmpty) Assert.Equal(expected, seen);
            else Assert.True(redisWasHurt, $"The reader was told to load again: {string.Join(", ", device.Resets)}");
        }

        // The database has the same events.
        await Database.PersistedAsync(_system, _room, history[^1].Seq!.Value);
        var rows = await Database.EventsAsync(_system, _room);
        Assert.Equal(history.Select(e => (e.Seq!.Value, e.EventId!)), rows.Select(row => (row.Seq, row.EventId)));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var device in _devices) await device.DisposeAsync();
        try
        {
            await _sending;
        }
        catch (ChatException)
        {
            // VerifyAsync has told, or the test has failed for another reason
        }
        _stop.Dispose();
    }

    private async Task SendAsync(Device device, int number)
    {
        for (var i = 0; !_stop.IsCancellationRequested; i++)
        {
            _receipts.Enqueue(await device.Connection.SendMessageAsync(_room, $"{i}"));
            await Task.Delay(Pause);
        }
    }

    /// <summary>History, when everything that was acknowledged is in it; what is numbered anew may come a little later.</summary>
    private async Task<IReadOnlyList<ChatEvent>> SettledHistoryAsync(int messages)
    {
        IReadOnlyList<ChatEvent> history = [];
        await Await.UntilAsync(
            async () => (history = await Database.HistoryAsync(_people[0], _room)).Count(e => e.EventType == EventTypes.ChatMessage) >= messages,
            () => $"{messages} messages in history (there are {history.Count(e => e.EventType == EventTypes.ChatMessage)})");
        return history;
    }
}
