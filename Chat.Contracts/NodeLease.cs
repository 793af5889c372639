namespace Chat.Contracts;

/// <summary>
/// What a realtime node announces of itself in <see cref="RedisKeys.Nodes"/>, renewed every <see cref="RenewEverySeconds"/>.
/// A lease not renewed for <see cref="LifeSeconds"/> is dead: its node gets no new connection and its users are reaped.
/// </summary>
/// <param name="NodeId">Random per process, never the replica's name: a restart must not inherit a lease.</param>
/// <param name="Address">Base address of the node, e.g. <c>http://127.0.0.1:40001</c>.</param>
/// <param name="State"><see cref="Ready"/> or <see cref="Draining"/>.</param>
/// <param name="RenewedAt">By Redis' clock, Unix milliseconds, so that clocks of hosts do not matter.</param>
/// <param name="StartedAt">When the process started.</param>
/// <param name="Connections">Open client connections.</param>
public sealed record NodeLease(string NodeId, string Address, string State, long RenewedAt, DateTimeOffset StartedAt, int Connections)
{
    public const int RenewEverySeconds = 1;
    public const int LifeSeconds = 5;
    public const string Ready = "ready";
    public const string Draining = "draining";
}
