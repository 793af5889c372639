using Microsoft.Extensions.Options;

namespace Chat.Realtime.Connections;

/// <summary>How a stopping node lets its clients go. Section <c>Chat:Drain</c>.</summary>
public sealed class DrainOptions
{
    public const string Section = "Chat:Drain";

    /// <summary>Seconds over which the reconnects of the clients are spread; 0 = all at once. Default 5, at most 10: the process is gone 20 s after SIGTERM.</summary>
    public double Seconds { get; set; } = 5;
}

/// <summary>Refuses a window that does not fit into the 20 seconds that a stopping process has.</summary>
internal sealed class DrainOptionsValidator : IValidateOptions<DrainOptions>
{
    public ValidateOptionsResult Validate(string? name, DrainOptions options) => options.Seconds is >= 0 and <= 10
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail($"{DrainOptions.Section}:Seconds is {options.Seconds}: give 0 to 10.");
}
