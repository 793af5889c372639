using Chat.Client;

namespace Chat.Frontend.Session;

/// <summary>
/// The calls that need no access token: register, sign in, refresh, sign out. Never repeated by itself: each is good for one try only.
/// </summary>
public sealed class AnonymousApi(HttpClient http)
{
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    public ChatApi Calls { get; } = new(http);
}
