using Microsoft.Extensions.Options;

namespace Chat.Realtime.Log;

/// <summary>How a node writes to Kafka. Section <c>Chat:Log</c>.</summary>
public sealed class LogOptions
{
    public const string Section = "Chat:Log";

    /// <summary>Milliseconds that an event may wait for others to share a request with. Default 0: batches form while a request is under way.</summary>
    public double LingerMs { get; set; }

    /// <summary>How long the log may take to confirm an event before its outcome counts as unknown. Default 5 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Events that may wait for the log at once; one more gets <c>unavailable</c>. Default 20,000.</summary>
    public int MaxWaitingEvents { get; set; } = 20_000;

    /// <summary>Bytes of events that may wait for the log at once; beyond it <c>unavailable</c>. Default 64 MiB.</summary>
    public long MaxWaitingBytes { get; set; } = 64L << 20;
}

/// <summary>Refuses settings with which nothing could be sent.</summary>
internal sealed class LogOptionsValidator : IValidateOptions<LogOptions>
{
    public ValidateOptionsResult Validate(string? name, LogOptions options)
    {
        var failures = new List<string>();
        if (options.LingerMs is < 0 or > 1_000) failures.Add($"{LogOptions.Section}:LingerMs is {options.LingerMs}: give 0 to 1000 milliseconds.");
        if (options.Timeout < TimeSpan.FromMilliseconds(500) || options.Timeout > TimeSpan.FromMinutes(1))
            failures.Add($"{LogOptions.Section}:Timeout is {options.Timeout}: give 00:00:00.5 to 00:01:00.");
        if (options.MaxWaitingEvents < 1) failures.Add($"{LogOptions.Section}:MaxWaitingEvents must be at least 1.");
        if (options.MaxWaitingBytes < 1 << 20) failures.Add($"{LogOptions.Section}:MaxWaitingBytes must be at least 1048576.");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
