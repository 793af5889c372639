namespace Chat.LoadTest.Crowds;

/// <summary>How one client came back.</summary>
/// <param name="LostAt">It noticed that its connection was gone.</param>
/// <param name="ConnectedAt">It was welcomed again.</param>
/// <param name="CaughtUpAt">It had every event of all its rooms.</param>
/// <param name="Tries">Connections that it tried.</param>
internal sealed record Comeback(TimeSpan LostAt, TimeSpan ConnectedAt, TimeSpan CaughtUpAt, int Tries);
