using Microsoft.Extensions.Options;

namespace Chat.Realtime.Limits;

/// <summary>
/// <c>Chat:Limits</c>. Rates are tokens per second that come back to a bucket; how many may be taken at once follows from the rate:
/// twice the rate for messages, four times for requests, five times for handshakes. 0 = no limit.
/// </summary>
public sealed class LimitOptions
{
    public const string Section = "Chat:Limits";

    /// <summary>False turns every limit off (load tests).</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Messages per second and user, over all connections and transports. Burst 40 at the default of 20.</summary>
    public int MessagesPerSecond { get; set; } = 20;

    /// <summary>HTTP requests per second and user. Burst 200 at the default of 50.</summary>
    public int RequestsPerSecond { get; set; } = 50;

    /// <summary>WebSocket handshakes per second and client address. Burst 500 at the default of 100.</summary>
    public int HandshakesPerSecond { get; set; } = 100;

    /// <summary>Open connections of a user, over all nodes.</summary>
    public int ConnectionsPerUser { get; set; } = 20;

    /// <summary>Open connections from one client address on one node.</summary>
    public int ConnectionsPerAddress { get; set; } = 2000;
}

/// <summary>Refuses what no bucket can be made of, with the remedy.</summary>
internal sealed class LimitOptionsValidator : IValidateOptions<LimitOptions>
{
    // One token per microsecond is the finest that a bucket counts.
    private const int MaxRate = 1_000_000;

    public ValidateOptionsResult Validate(string? name, LimitOptions options)
    {
        var faults = new List<string>();
        Check(nameof(options.MessagesPerSecond), options.MessagesPerSecond, MaxRate);
        Check(nameof(options.RequestsPerSecond), options.RequestsPerSecond, MaxRate);
        Check(nameof(options.HandshakesPerSecond), options.HandshakesPerSecond, MaxRate);
        Check(nameof(options.ConnectionsPerUser), options.ConnectionsPerUser, int.MaxValue);
        Check(nameof(options.ConnectionsPerAddress), options.ConnectionsPerAddress, int.MaxValue);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Check(string setting, int value, int max)
        {
            if (value < 0 || value > max)
                faults.Add($"{LimitOptions.Section}:{setting} is {value}: give a number from 1 to {max}, or 0 for no limit.");
        }
    }
}
