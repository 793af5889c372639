namespace Chat.ServiceDefaults;

/// <summary>
/// How a process that is on its way out marks that it turned away who came to connect. Nothing of such a request took effect, so a proxy in front may give
/// it to another process; the mark is for proxies and ends there.
/// </summary>
public static class DrainingAnswer
{
    public const string Header = "X-Chat-Draining";
    public const string Value = "1";
}
