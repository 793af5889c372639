using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Server;

/// <summary>A request that has begun, in its connection's line of answers. Disposed after the answer was sent or given up.</summary>
internal sealed record PendingAnswer(Request Request, RequestFrame Frame, KafkaWriter Answer, Task Completion) : IDisposable
{
    public void Dispose()
    {
        Request.HeldUntilSent?.Dispose();
        Answer.Dispose();
        Frame.Dispose();
    }
}
