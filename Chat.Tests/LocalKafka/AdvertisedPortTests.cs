using Chat.LocalHosting.Processes;
using Chat.LocalKafka;
using Confluent.Kafka;

namespace Chat.Tests.LocalKafka;

/// <summary>Clients call a broker back under the address that it names, so what stands before it must be named.</summary>
public sealed class AdvertisedPortTests : BrokerTest
{
    private readonly int _listens = LoopbackPort.Pick();
    private readonly int _told = LoopbackPort.Pick();

    protected override KafkaBrokerOptions Options => base.Options with { Port = _listens, AdvertisedPort = _told };

    [Fact]
    public void Clients_are_told_the_advertised_port()
    {
        using var client = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = $"127.0.0.1:{_listens}" }).Build();
        Assert.Equal(("127.0.0.1", _told), client.GetMetadata(TimeSpan.FromSeconds(20)).Brokers.Select(broker => (broker.Host, broker.Port)).Single());
        Assert.EndsWith($":{_told}", Endpoint);
    }
}
