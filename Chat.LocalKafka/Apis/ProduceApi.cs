using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>
/// Appends batches. Everything up to the append happens before the first await, so the requests of a connection append in the
/// order in which they came; with acks=all the answer waits for the flush, with acks=1 it does not.
/// </summary>
internal sealed class ProduceApi(TopicRegistry topics, TimeProvider time) : Api(ApiKey.Produce, 0, 11, flexibleFrom: 9)
{
    private const short AllReplicas = -1;
    private const short RecordBatchesFromVersion = 3;

    private readonly record struct Part(int Index, Memory<byte>? Records);

    private readonly record struct TopicParts(string Name, Part[] Parts);

    private sealed record Appended(int Index, AppendResult Result, string? Message)
    {
        public AppendResult Result { get; set; } = Result;
    }

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var body = request.Body;
        var transactionalId = request.Version >= 3 ? body.ReadNullableString() : null;
        var acks = body.ReadInt16();
        var timeout = body.ReadInt32();
        var data = body.ReadArray(ReadTopic);
        body.SkipTags();
        request.NoAnswer = acks == 0;

        var appended = data.Select(t => (t.Name, Parts: t.Parts.Select(p => Append(request.Version, t.Name, p, acks, transactionalId)).ToArray())).ToArray();
        if (acks == 0 && appended.SelectMany(t => t.Parts).FirstOrDefault(p => p.Result.Error != ErrorCode.None) is { } refused)
            throw new MalformedRequestException($"A produce with acks=0 was refused ({refused.Result.Error}); closing the connection is the only way to tell.");
        if (acks == AllReplicas)
            return new ValueTask(AnswerWhenDurableAsync(request.Version, timeout, appended, answer));
        Write(answer, request.Version, appended);
        return ValueTask.CompletedTask;
    }

    private static TopicParts ReadTopic(KafkaReader reader)
    {
        var topic = new TopicParts(reader.ReadString(), reader.ReadArray(static r =>
        {
            var part = new Part(r.ReadInt32(), r.ReadNullableBytes());
            r.SkipTags();
            return part;
        }));
        reader.SkipTags();
        return topic;
    }

    private Appended Append(short version, string topic, Part part, short acks, string? transactionalId)
    {
        if (acks is not (AllReplicas or 0 or 1))
            return Refuse(part, ErrorCode.InvalidRequiredAcks, "acks must be -1, 0 or 1.");
        if (topics.FindPartition(topic, part.Index) is not { } partition)
            return Refuse(part, ErrorCode.UnknownTopicOrPartition, null);
        if (transactionalId is not null)
            return Refuse(part, ErrorCode.InvalidTxnState, "This broker has no transactions.");
        var records = part.Records ?? Memory<byte>.Empty;
        var error = ErrorCode.None;
        if (version < RecordBatchesFromVersion && LegacyMessageSet.IsLegacy(records.Span))
        {
            error = LegacyMessageSet.Convert(records.Span, partition.Config.MaxMessageBytes, out var converted);
            records = converted;
        }

        if (error != ErrorCode.None)
            return Refuse(part, error, null);
        error = RecordBatchValidation.Validate(records.Span, partition.Config.MaxMessageBytes, version, out var batch);
        return error != ErrorCode.None
            ? Refuse(part, error, null)
            : new Appended(part.Index, partition.Append(records, batch, awaitDurable: acks == AllReplicas), null);
    }

    private static Appended Refuse(Part part, ErrorCode error, string? message) => new(part.Index, AppendResult.Refused(error), message);

    private async Task AnswerWhenDurableAsync(short version, int timeoutMs, (string Name, Appended[] Parts)[] appended, KafkaWriter answer)
    {
        var deadline = TimeSpan.FromMilliseconds(Math.Max(1, timeoutMs));
        foreach (var part in appended.SelectMany(t => t.Parts))
        {
            try
            {
                var durable = part.Result.Durable;
                if (!durable.IsCompletedSuccessfully)
                    await durable.WaitAsync(deadline, time);
            }
            catch (TimeoutException)
            {
                part.Result = AppendResult.Refused(ErrorCode.RequestTimedOut);
            }
            catch (StorageFailedException)
            {
                part.Result = AppendResult.Refused(ErrorCode.KafkaStorageError);
            }
        }

        Write(answer, version, appended);
    }

    private static void Write(KafkaWriter answer, short version, (string Name, Appended[] Parts)[] appended)
    {
        answer.WriteArray(appended, (w, topic) =>
        {
            w.WriteString(topic.Name);
            w.WriteArray(topic.Parts, (w, part) =>
            {
                w.WriteInt32(part.Index);
                w.WriteError(part.Result.Error);
                w.WriteInt64(part.Result.BaseOffset);
                if (version >= 2)
                    w.WriteInt64(part.Result.AppendTime);
                if (version >= 5)
                    w.WriteInt64(part.Result.LogStart);
                if (version >= 8)
                {
                    w.WriteArrayLength(0);
                    w.WriteString(part.Message);
                }

                w.WriteTags();
            });
            w.WriteTags();
        });
        if (version >= 1)
            answer.WriteInt32(0);
        answer.WriteTags();
    }
}
