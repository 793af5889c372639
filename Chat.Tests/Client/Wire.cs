using Chat.Client;

namespace Chat.Tests.Client;

/// <summary>The ways on which the .NET client reaches the platform. What it promises is the same on each.</summary>
public enum Wire
{
    WebSocket,
    SignalR,
    SignalRMessagePack,
}

/// <summary>The wire of a class of tests that others of its kind run on other wires.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class OnWireAttribute(Wire wire) : Attribute
{
    public Wire Wire { get; } = wire;

    /// <summary>The wire of <paramref name="type"/>; tests that name none are about the WebSocket.</summary>
    public static Wire Of(Type type) => ((OnWireAttribute?)GetCustomAttribute(type, typeof(OnWireAttribute)))?.Wire ?? Wire.WebSocket;
}

internal static class WireOptions
{
    public static ChatTransport Transport(this Wire wire) => wire == Wire.WebSocket ? ChatTransport.WebSocket : ChatTransport.SignalR;

    public static ChatHubProtocol HubProtocol(this Wire wire) => wire == Wire.SignalRMessagePack ? ChatHubProtocol.MessagePack : ChatHubProtocol.Json;
}
