using Chat.Tests.Backends;
using Chat.Tests.People;
using Chat.Tests.Realtime;

namespace Chat.Tests.Transport;

/// <summary>A node that serves WebSockets on the framework's path, as on systems without epoll and behind TLS.</summary>
public sealed class FrameworkPathFixture(PostgresFixture postgres, RedisFixture redis, KafkaFixture kafka) : NodeFixture(postgres, redis, kafka)
{
    public override async Task<Backing> BackingAsync() => await base.BackingAsync() with { FastPath = false };
}

[CollectionDefinition(nameof(FrameworkPathCollection))]
public sealed class FrameworkPathCollection : ICollectionFixture<FrameworkPathFixture>;

// The same facts hold on both paths.

[Collection(nameof(FrameworkPathCollection))]
public sealed class HandshakeOnTheFrameworkPathTests(FrameworkPathFixture fixture) : HandshakeTests(fixture);

[Collection(nameof(FrameworkPathCollection))]
public sealed class CloseCodeOnTheFrameworkPathTests(FrameworkPathFixture fixture) : CloseCodeTests(fixture);

[Collection(nameof(FrameworkPathCollection))]
public sealed class ConnectionLimitsOnTheFrameworkPathTests(FrameworkPathFixture fixture) : ConnectionLimitTests(fixture);

[Collection(nameof(FrameworkPathCollection))]
public sealed class ProtocolOnTheFrameworkPathTests(FrameworkPathFixture fixture) : ProtocolTests(fixture);

[Collection(nameof(FrameworkPathCollection))]
public sealed class SubscribeOnTheFrameworkPathTests(FrameworkPathFixture fixture) : SubscribeTests(fixture);

[Collection(nameof(FrameworkPathCollection))]
public sealed class FlowOnTheFrameworkPathTests(FrameworkPathFixture fixture) : FlowTests(fixture);
