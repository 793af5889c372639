using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Chat.LocalHosting.Backends;

/// <summary>Asks a broker which APIs it has: the smallest request that any Kafka answers once it serves.</summary>
internal static class KafkaProbe
{
    private const short ApiVersions = 18;
    private const int CorrelationId = 1;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    public static async Task<bool> IsReadyAsync(int port, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Timeout);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
            var stream = client.GetStream();
            await stream.WriteAsync(Request(), deadline.Token);
            var answer = new byte[8];
            await stream.ReadExactlyAsync(answer, deadline.Token);
            return BinaryPrimitives.ReadInt32BigEndian(answer.AsSpan(4)) == CorrelationId;
        }
        catch (Exception failure) when (failure is SocketException or IOException
            || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    /// <summary>Size, API, version 0, correlation id, and no client id.</summary>
    private static byte[] Request()
    {
        var request = new byte[14];
        BinaryPrimitives.WriteInt32BigEndian(request, request.Length - 4);
        BinaryPrimitives.WriteInt16BigEndian(request.AsSpan(4), ApiVersions);
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(8), CorrelationId);
        BinaryPrimitives.WriteInt16BigEndian(request.AsSpan(12), -1);
        return request;
    }
}
