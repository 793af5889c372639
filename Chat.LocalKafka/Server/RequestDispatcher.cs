using Chat.LocalKafka.Apis;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Server;

/// <summary>Reads request headers and starts the api that answers. What is not implemented closes the connection, as on a Kafka broker.</summary>
internal sealed class RequestDispatcher
{
    /// <summary>Api key, version, correlation id and the length of a null client id.</summary>
    public const int SmallestRequest = 8;

    private readonly Dictionary<ApiKey, Api> _apis;

    public RequestDispatcher(IEnumerable<Api> apis)
    {
        Apis = [.. apis.OrderBy(a => a.Key)];
        _apis = Apis.ToDictionary(a => a.Key);
    }

    public IReadOnlyCollection<Api> Apis { get; }

    public Request ReadHeader(Memory<byte> frame, string clientHost, CancellationToken closed, out Api api)
    {
        var reader = new KafkaReader(frame);
        var key = (ApiKey)reader.ReadInt16();
        var version = reader.ReadInt16();
        var correlationId = reader.ReadInt32();
        if (!_apis.TryGetValue(key, out api!))
            throw new MalformedRequestException($"Api key {(short)key} is not implemented.");
        if (!api.Implements(version))
        {
            // The one question whose answer is understood whatever its version: what can you do?
            if (key == ApiKey.ApiVersions)
                return new Request(key, version, correlationId, null, clientHost, reader, closed);
            throw new MalformedRequestException($"{key} version {version} is not implemented: {api.MinVersion} to {api.MaxVersion} are.");
        }

        var clientId = reader.ReadNullableClassicString();
        reader.Flexible = api.IsFlexible(version);
        reader.SkipTags();
        return new Request(key, version, correlationId, clientId, clientHost, reader, closed);
    }

    public PendingAnswer Start(Request request, Api api, RequestFrame frame)
    {
        var answer = new KafkaWriter();
        answer.WriteInt32(request.CorrelationId);
        if (!api.Implements(request.Version))
        {
            ((ApiVersionsApi)api).WriteUnsupported(answer);
            return new PendingAnswer(request, frame, answer, Task.CompletedTask);
        }

        answer.Flexible = api.IsFlexible(request.Version);
        // Clients read this one answer before they know what the broker speaks: its header never has tags.
        if (request.Key != ApiKey.ApiVersions)
            answer.WriteTags();
        try
        {
            return new PendingAnswer(request, frame, answer, api.HandleAsync(request, answer).AsTask());
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }
}
