using Chat.Persister;
using StackExchange.Redis;

namespace Chat.Tests.Persister;

public sealed class RedisTimeoutsTests
{
    [Fact]
    public void A_Redis_that_is_back_is_tried_again_within_a_second_however_long_it_was_away()
    {
        // The library's own pause was 2.5 s and more, and all senders waited for it: nobody else opens the partitions of the new epoch.
        var options = new ConfigurationOptions();
        RedisTimeouts.Set(options);
        Assert.All(Enumerable.Range(0, 100), tries => Assert.True(options.ReconnectRetryPolicy.ShouldRetry(tries, 1_000)));
        Assert.False(options.ReconnectRetryPolicy.ShouldRetry(100, 50));
    }
}
