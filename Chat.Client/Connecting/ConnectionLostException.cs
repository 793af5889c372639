namespace Chat.Client.Connecting;

/// <summary>The connection ended before the reply came; whether the command took effect is unknown. Never leaves this library.</summary>
internal sealed class ConnectionLostException() : Exception("The connection was lost.");
