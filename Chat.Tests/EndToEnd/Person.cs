using Chat.Client;
using Chat.Contracts.Api;
using Chat.Tests.Client;

namespace Chat.Tests.EndToEnd;

/// <summary>A signed-in user of the system under test.</summary>
internal sealed class Person(ChatSystem system, Session session, SessionTokens tokens)
{
    public string UserId { get; } = session.UserId;
    public string UserName { get; } = session.UserName;

    /// <summary>The HTTP API through the gateway.</summary>
    public ChatApi Api { get; } = new(new HttpClient { BaseAddress = system.Origin }, tokens.GetAccessTokenAsync);

    public async Task<string> AccessTokenAsync() => (await tokens.GetAccessTokenAsync())!;

    /// <summary>The HTTP API of one node.</summary>
    public ChatApi ApiAt(Uri origin) => new(new HttpClient { BaseAddress = origin }, tokens.GetAccessTokenAsync);

    /// <summary>One more device: connected to <paramref name="origin"/>, else to the gateway.</summary>
    public async Task<Device> ConnectAsync(Uri? origin = null, Wire wire = Wire.WebSocket)
    {
        var device = new Device(new ChatClientOptions
        {
            BaseAddress = origin ?? system.Origin,
            Transport = wire.Transport(),
            HubProtocol = wire.HubProtocol(),
            AccessTokenProvider = tokens.GetAccessTokenAsync,
            // The development certificate is self-signed.
            ConfigureSocket = socket => socket.RemoteCertificateValidationCallback = (_, _, _, _) => true,
        });
        await device.Connection.StartAsync().Within($"a connection of {UserName}");
        return device;
    }

    /// <summary>Makes a room of the person's own.</summary>
    public async Task<string> CreateRoomAsync(string kind = RoomKinds.Public) =>
        (await Api.CreateRoomAsync(new CreateRoomRequest(null, "A room", kind)).Within("the room")).RoomId;
}
