namespace Chat.LocalKafka.Protocol;

/// <summary>
/// One request kind: the versions that are implemented, which are exactly those that are announced, and its handling.
/// </summary>
/// <remarks>
/// <see cref="HandleAsync"/> reads the body and writes the answer's body. What it does before its first await happens in the order
/// in which the requests of a connection came.
/// </remarks>
internal abstract class Api(ApiKey key, short minVersion, short maxVersion, short flexibleFrom)
{
    /// <summary>For request kinds none of whose implemented versions has tagged fields.</summary>
    protected const short NeverFlexible = short.MaxValue;

    public ApiKey Key { get; } = key;

    public short MinVersion { get; } = minVersion;

    public short MaxVersion { get; } = maxVersion;

    public bool Implements(short version) => version >= MinVersion && version <= MaxVersion;

    public bool IsFlexible(short version) => version >= flexibleFrom;

    public abstract ValueTask HandleAsync(Request request, KafkaWriter answer);
}
