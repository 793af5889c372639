using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>Gives ids to idempotent producers. A transactional id is refused: there are no transactions here.</summary>
internal sealed class InitProducerIdApi(ProducerIds ids) : Api(ApiKey.InitProducerId, 0, 4, flexibleFrom: 2)
{
    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var body = request.Body;
        var transactionalId = body.ReadNullableString();
        body.ReadInt32(); // Transaction time-out.
        if (request.Version >= 3)
        {
            body.ReadInt64(); // A producer that asks again gets a new id: its batches in flight are settled by then.
            body.ReadInt16();
        }

        body.SkipTags();
        var error = transactionalId is null ? ErrorCode.None : ErrorCode.InvalidRequest;
        var id = -1L;
        if (error == ErrorCode.None)
            error = ids.TryTake(out id);
        answer.WriteInt32(0);
        answer.WriteError(error);
        answer.WriteInt64(id);
        answer.WriteInt16(error == ErrorCode.None ? (short)0 : (short)-1);
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
