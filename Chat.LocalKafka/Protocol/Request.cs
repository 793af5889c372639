namespace Chat.LocalKafka.Protocol;

/// <summary>One request of one connection: its header, a reader that stands at its body, and who sent it.</summary>
internal sealed record Request(
    ApiKey Key,
    short Version,
    int CorrelationId,
    string? ClientId,
    string ClientHost,
    KafkaReader Body,
    CancellationToken ConnectionClosed)
{
    /// <summary>Set by a produce with acks=0, the one request that gets no answer.</summary>
    public bool NoAnswer { get; set; }

    /// <summary>What is held until the answer has been sent, or has failed.</summary>
    public IDisposable? HeldUntilSent { get; set; }
}
