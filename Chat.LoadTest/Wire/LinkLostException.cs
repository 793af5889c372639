namespace Chat.LoadTest.Wire;

/// <summary>A connection could not be made, or ended, or is silent; whatever was under way on it has an unknown outcome.</summary>
internal sealed class LinkLostException(string message, Exception? cause = null) : Exception(message, cause);
