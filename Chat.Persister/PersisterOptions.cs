using Microsoft.Extensions.Options;

namespace Chat.Persister;

/// <summary>Section <c>Chat:Persister</c>: how much the persister gathers before it writes, and how much it holds while it cannot.</summary>
public sealed class PersisterOptions
{
    public const string Section = "Chat:Persister";

    /// <summary>Records of one transaction at most. More means fewer transactions and longer ones. Default 1,000.</summary>
    public int BatchRecords { get; set; } = 1_000;

    /// <summary>Bytes of one transaction at most, counted as record values. Default 4 MiB.</summary>
    public int BatchBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>Milliseconds that the first record of a batch waits for others at most. Default 100; history in Postgres is behind by that much, and by up to 100 that Kafka gathers.</summary>
    public int BatchMilliseconds { get; set; } = 100;

    /// <summary>
    /// Numbered batches that wait for Postgres at most. At the bound reading pauses and the log keeps the rest. Default 16: with full batches 64 MiB.
    /// </summary>
    public int WaitingBatches { get; set; } = 16;
}

/// <summary>Refuses settings that cannot work, with the remedy.</summary>
internal sealed class PersisterOptionsValidation : IValidateOptions<PersisterOptions>
{
    public ValidateOptionsResult Validate(string? name, PersisterOptions options)
    {
        var faults = new List<string>();
        Check(faults, nameof(options.BatchRecords), options.BatchRecords, 1, 100_000);
        Check(faults, nameof(options.BatchBytes), options.BatchBytes, 64 * 1024, 64 * 1024 * 1024);
        Check(faults, nameof(options.BatchMilliseconds), options.BatchMilliseconds, 1, 200);
        Check(faults, nameof(options.WaitingBatches), options.WaitingBatches, 1, 1_000);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void Check(List<string> faults, string name, int value, int lowest, int highest)
    {
        if (value < lowest || value > highest)
            faults.Add($"{PersisterOptions.Section}:{name} is {value}: set it to {lowest} to {highest}, or leave it out.");
    }
}
