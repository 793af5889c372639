using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Client.Sending;

/// <summary>One message in the outbox. It ends once: acknowledged, refused, or given up by its caller.</summary>
internal sealed class PendingSend(ClientCommand command, Action<SendProgress>? progress, CancellationToken givenUp)
{
    private readonly TaskCompletionSource<SendReceipt> _receipt = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ClientCommand Command { get; } = command;

    /// <summary>The caller waits no longer.</summary>
    public CancellationToken GivenUp { get; } = givenUp;

    public Task<SendReceipt> Receipt => _receipt.Task;

    public void Report(SendStage stage, string? code = null, DateTimeOffset? retryAt = null) =>
        progress?.Invoke(new SendProgress(Command.ClientId!, stage, code, retryAt));

    public void Acknowledge(ServerReply ack)
    {
        if (ack is { RoomId: { } roomId, EventId: { } eventId, Seq: { } seq, Epoch: { } epoch, Timestamp: { } timestamp })
            _receipt.TrySetResult(new SendReceipt(roomId, ack.ClientId ?? Command.ClientId, eventId, seq, epoch, timestamp));
        else
            Refuse(new ChatException(ErrorCodes.Internal, "The server acknowledged the message without its position."));
    }

    public void Refuse(Exception why)
    {
        _receipt.TrySetException(why);
        _ = _receipt.Task.Exception; // observed: the caller may have given up at the same moment
    }

    public void GiveUp() => _receipt.TrySetCanceled(GivenUp);
}
