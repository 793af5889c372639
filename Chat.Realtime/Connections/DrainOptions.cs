using Microsoft.Extensions.Options;

namespace Chat.Realtime.Connections;

/// <summary>How a stopping node lets its clients go. Section <c>Chat:Drain</c>.</summary>
public sealed class DrainOptions
{
    public const string Section = "Chat:Drain";

    /// <summary>Longest window: with a second for the last close handshakes it ends before a stopping process is killed.</summary>
    public const int MaxSeconds = 10;

    /// <summary>Seconds until the last of the clients is to reconnect; the first is after one second, or half of it where that is less; 0 = all at once. Default 5, at most 10: close handshakes and what the node still has to write need the rest of the time that a stopping process has.</summary>
    public double Seconds { get; set; } = 5;
}

/// <summary>Refuses a window that leaves no time for the close handshakes.</summary>
internal sealed class DrainOptionsValidator : IValidateOptions<DrainOptions>
{
    public ValidateOptionsResult Validate(string? name, DrainOptions options) => options.Seconds is >= 0 and <= DrainOptions.MaxSeconds
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail($"{DrainOptions.Section}:Seconds is {options.Seconds}: give 0 to {DrainOptions.MaxSeconds}.");
}
