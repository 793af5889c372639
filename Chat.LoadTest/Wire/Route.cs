namespace Chat.LoadTest.Wire;

/// <summary>One way into the system: a node or the gateway, directly or through a proxy.</summary>
internal sealed record Route(string Name, Uri Address);
