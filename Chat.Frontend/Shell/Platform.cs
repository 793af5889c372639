using Chat.Client;
using Chat.Frontend.Session;
using Chat.Frontend.Timeline;

namespace Chat.Frontend.Shell;

/// <summary>What the parts of a workspace share: the connection, the API in the user's name, the user's clock, and where to say that something changed.</summary>
public sealed class Platform(
    BrowserSession user, ChatConnection connection, Func<ChatApi> api, TimelineReader reader, TimeProvider time, ChangeSignal signal, CircuitTasks tasks)
{
    public BrowserSession User { get; } = user;
    public ChatConnection Connection { get; } = connection;
    public ChatApi Api => api();
    public TimelineReader Reader { get; } = reader;
    public ChangeSignal Signal { get; } = signal;
    public CircuitTasks Tasks { get; } = tasks;
    public DateTimeOffset Now => Time.GetUtcNow();
    public TimeProvider Time { get; } = time;
}
