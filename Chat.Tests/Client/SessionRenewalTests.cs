using System.Collections.Concurrent;
using Chat.Tests.Clients;
using Chat.Tests.EndToEnd;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Client;

/// <summary>A session that goes on over an open connection, against a server whose every frame the test writes.</summary>
public abstract class SessionRenewalTests
{
    private Wire Wire => OnWireAttribute.Of(GetType());

    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    [Trait(Behaviours.Trait, "session-renewed")]
    public async Task A_fresh_token_is_sent_a_minute_before_the_session_expires()
    {
        var time = new ObservedTime(Noon);
        await using var server = await ScriptedServer.StartAsync(Wire);
        var tokens = 0;
        await using var client = new ClientUnderTest(server.Options(_ => Task.FromResult<string?>($"token-{++tokens}"), time: time));
        var starting = client.Connection.StartAsync();
        var peer = await server.AcceptAsync(sessionExpiresAt: Noon.AddMinutes(15));
        await starting.Within("a connection");

        await Await.UntilAsync(() => time.Timers.Contains(TimeSpan.FromMinutes(14)), "a timer of 14 minutes");
        Assert.False(peer.HasWaitingCommand);
        time.Advance(TimeSpan.FromMinutes(14));
        var command = await peer.ExpectAsync("authenticate");
        Assert.Equal("token-2", command.GetProperty("access_token").GetString());
        await peer.AckAsync(command, $"\"session_expires_at\":\"{Noon.AddMinutes(34):O}\"");
        await Await.UntilAsync(() => time.Timers.Contains(TimeSpan.FromMinutes(19)), "a timer of 19 minutes for the next renewal");
    }

    [Fact]
    [Trait(Behaviours.Trait, "session-renewed")]
    public async Task A_clock_that_is_an_hour_ahead_changes_nothing_about_the_time_of_renewal()
    {
        var time = new ObservedTime(Noon.AddHours(1));
        await using var server = await ScriptedServer.StartAsync(Wire);
        await using var client = new ClientUnderTest(server.Options(_ => Task.FromResult<string?>(Guid.NewGuid().ToString()), time: time));
        var starting = client.Connection.StartAsync();
        var peer = await server.TakeAsync();
        await peer.WelcomeAsync(sessionExpiresAt: Noon.AddMinutes(15), now: Noon);
        await starting.Within("a connection");
        await Await.UntilAsync(() => time.Timers.Contains(TimeSpan.FromMinutes(14)), "a timer of 14 minutes");
        Assert.False(peer.HasWaitingCommand);
    }

    /// <summary>A clock of the test that tells which timers were set.</summary>
    private sealed class ObservedTime(DateTimeOffset start) : FakeTimeProvider(start)
    {
        public ConcurrentBag<TimeSpan> Timers { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Timers.Add(dueTime);
            return timer;
        }
    }
}

[OnWire(Wire.WebSocket)]
public sealed class WebSocketSessionRenewalTests : SessionRenewalTests;

[OnWire(Wire.SignalR)]
public sealed class SignalRSessionRenewalTests : SessionRenewalTests;

[OnWire(Wire.SignalRMessagePack)]
public sealed class MessagePackSessionRenewalTests : SessionRenewalTests;
