using Chat.Data;
using Chat.Realtime.Limits;
using Chat.Tests.Backends;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Chat.Tests.People;

public sealed class LimitTests(RedisFixture redis) : IAsyncLifetime
{
    private readonly string _user = "user-" + Guid.NewGuid().ToString("N")[..10];
    private IConnectionMultiplexer _connection = null!;

    public async ValueTask InitializeAsync() => _connection = await ConnectionMultiplexer.ConnectAsync(await redis.GetConnectionStringAsync());

    [Fact]
    public async Task A_burst_passes_then_the_rate_holds_and_the_wait_is_told()
    {
        var limiter = Limiter(new LimitOptions { MessagesPerSecond = 10 });

        var started = TimeProvider.System.GetTimestamp();
        var taken = 0;
        int? wait;
        while ((wait = await MessageAsync(limiter)) is null) taken++;

        Assert.InRange(taken, 20, 20 + Refilled(started, 10));
        Assert.InRange(wait.Value, 1, 100);
        await Task.Delay(wait.Value + 5);
        Assert.Null(await MessageAsync(limiter));
    }

    [Fact]
    public async Task Trying_over_the_limit_does_not_prolong_the_wait()
    {
        var limiter = Limiter(new LimitOptions { MessagesPerSecond = 1 });
        var started = TimeProvider.System.GetTimestamp();
        while (await MessageAsync(limiter) is null) { }

        // On a busy machine the tries take longer than the wait: what has come back by then passes.
        var passed = 0;
        for (var i = 0; i < 50; i++)
        {
            if (await MessageAsync(limiter) is { } wait) Assert.InRange(wait, 1, 1000);
            else passed++;
        }
        Assert.InRange(passed, 0, Refilled(started, 1));
    }

    [Fact]
    public async Task A_limit_holds_over_all_processes_under_concurrent_callers()
    {
        await using var other = await ConnectionMultiplexer.ConnectAsync(await redis.GetConnectionStringAsync());
        var options = new LimitOptions { RequestsPerSecond = 5 };
        RateLimiter[] limiters = [Limiter(options), Limiter(options, other)];

        var started = TimeProvider.System.GetTimestamp();
        var waits = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => limiters[i % 2].TakeRequestAsync(_user, CancellationToken.None).AsTask()));

        Assert.InRange(waits.Count(wait => wait is null), 20, 20 + Refilled(started, 5));
    }

    [Fact]
    public async Task Kinds_and_subjects_have_buckets_of_their_own()
    {
        var limiter = Limiter(new LimitOptions { MessagesPerSecond = 1, RequestsPerSecond = 1 });
        while (await MessageAsync(limiter) is null) { }

        Assert.Null(await limiter.TakeRequestAsync(_user, CancellationToken.None));
        Assert.Null(await limiter.TakeMessageAsync(_user + "2", CancellationToken.None));
    }

    [Fact]
    public async Task Zero_and_disabled_mean_no_limit()
    {
        foreach (var options in (LimitOptions[])[new() { MessagesPerSecond = 0 }, new() { MessagesPerSecond = 1, Enabled = false }])
        {
            var limiter = Limiter(options);
            for (var i = 0; i < 100; i++) Assert.Null(await MessageAsync(limiter));
        }
    }

    [Fact]
    public async Task The_eleventh_login_after_ten_failures_waits_for_this_name_and_address_only()
    {
        var limiter = Limiter(new LimitOptions());
        var address = _user + ".1";

        for (var i = 0; i < LoginFailures.PerNameAndAddress; i++)
        {
            Assert.Null(await limiter.CheckLoginAsync("alice", address, CancellationToken.None));
            await limiter.LoginFailedAsync("alice", address, CancellationToken.None);
        }

        Assert.InRange((await limiter.CheckLoginAsync("alice", address, CancellationToken.None))!.Value, 890_000, 900_000);
        Assert.Null(await limiter.CheckLoginAsync("bob", address, CancellationToken.None));
        Assert.Null(await limiter.CheckLoginAsync("alice", address + "2", CancellationToken.None));
    }

    [Fact]
    public async Task An_address_with_300_failures_waits_whatever_the_name()
    {
        var limiter = Limiter(new LimitOptions());
        var address = _user + ".2";

        for (var i = 0; i < LoginFailures.PerAddress; i++)
        {
            Assert.Null(await limiter.CheckLoginAsync($"user{i}", address, CancellationToken.None));
            await limiter.LoginFailedAsync($"user{i}", address, CancellationToken.None);
        }

        Assert.NotNull(await limiter.CheckLoginAsync("somebody", address, CancellationToken.None));
    }

    [Fact]
    public async Task Logins_at_once_are_bounded_before_the_first_failure_is_counted()
    {
        var limiter = Limiter(new LimitOptions());

        var started = TimeProvider.System.GetTimestamp();
        var waits = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => limiter.CheckLoginAsync("alice", _user, CancellationToken.None).AsTask()));

        Assert.InRange(waits.Count(wait => wait is null), 30, 30 + Refilled(started, 5));
    }

    [Fact]
    public async Task Without_redis_nothing_is_refused()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var connection = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString + ",asyncTimeout=1000");
        var limiter = Limiter(new LimitOptions { MessagesPerSecond = 1 }, connection);
        while (await MessageAsync(limiter) is null) { }
        await server.KillAsync();

        for (var i = 0; i < 10; i++)
            Assert.Null(await MessageAsync(limiter).AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void A_limit_that_cannot_be_is_named_with_its_setting()
    {
        var result = new LimitOptionsValidator().Validate(null, new LimitOptions { MessagesPerSecond = -1 });

        Assert.Contains("Chat:Limits:MessagesPerSecond", Assert.Single(result.Failures!), StringComparison.Ordinal);
        Assert.True(new LimitOptionsValidator().Validate(null, new LimitOptions()).Succeeded);
    }

    public async ValueTask DisposeAsync() => await _connection.DisposeAsync();

    // What has come back to a bucket meanwhile, at most.
    private static int Refilled(long started, int perSecond) => 1 + (int)(TimeProvider.System.GetElapsedTime(started).TotalSeconds * perSecond);

    private ValueTask<int?> MessageAsync(RateLimiter limiter) => limiter.TakeMessageAsync(_user, CancellationToken.None);

    private RateLimiter Limiter(LimitOptions options, IConnectionMultiplexer? connection = null) =>
        new(connection ?? _connection, new LibraryCommands(connection ?? _connection), Options.Create(options), NullLogger<RateLimiter>.Instance);
}
