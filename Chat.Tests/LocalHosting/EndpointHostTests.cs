using System.Net.Sockets;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Engine;

namespace Chat.Tests.LocalHosting;

public sealed class EndpointHostTests
{
    [Theory]
    [InlineData("localhost", "127.0.0.1", "127.0.0.1", "localhost")]
    [InlineData("127.0.0.1", "127.0.0.1", "127.0.0.1", "localhost")]
    [InlineData("0.0.0.0", "0.0.0.0", "127.0.0.1", "localhost")]
    [InlineData("::", "[::]", "127.0.0.1", "localhost")]
    [InlineData("192.168.1.5", "192.168.1.5", "192.168.1.5", "192.168.1.5")]
    [InlineData("fd00::5", "[fd00::5]", "[fd00::5]", "[fd00::5]")]
    public void A_process_is_called_where_it_listens(string targetHost, string listens, string called, string shown)
    {
        var endpoint = new EndpointAnnotation(ProtocolType.Tcp, "http") { TargetHost = targetHost };

        Assert.Equal((listens, called, shown), (EndpointHost.ToListenOn(endpoint), EndpointHost.ToCall(endpoint), EndpointHost.ToShow(endpoint)));
    }
}
