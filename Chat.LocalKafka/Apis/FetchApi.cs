using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Server;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>
/// Reads batches, waiting until there are as many bytes as asked for. Fetch sessions are not kept: session 0 in the answer tells
/// the client to send full fetches.
/// </summary>
internal sealed class FetchApi(TopicRegistry topics, MemoryBudget memory, KafkaBrokerOptions options, TimeProvider time)
    : Api(ApiKey.Fetch, 4, 12, flexibleFrom: 12)
{
    /// <summary>The session epoch with which a client closes a session or says that it wants none.</summary>
    private const int FinalEpoch = -1;

    private readonly record struct Part(int Index, int LeaderEpoch, long Offset, int MaxBytes);

    private readonly record struct TopicParts(string Name, Part[] Parts);

    private sealed record Call(short Version, int MaxWaitMs, int MinBytes, int MaxBytes, bool ReadCommitted, TopicParts[] Topics);

    public override async ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var call = Read(request, out var session, out var sessionEpoch);
        if (session != 0 && sessionEpoch != FinalEpoch)
        {
            WriteHead(answer, call.Version, ErrorCode.FetchSessionIdNotFound);
            answer.WriteArrayLength(0);
            answer.WriteTags();
            return;
        }

        // A fetch that waits for data holds no memory.
        var (most, began) = (TimeSpan.FromMilliseconds(Math.Max(0, call.MaxWaitMs)), time.GetTimestamp());
        var start = answer.Position;
        while (true)
        {
            var signal = new DataSignal();
            var watched = Watch(call, signal);
            try
            {
                using var lease = await memory.TakeAsync(call.MaxBytes, request.ConnectionClosed);
                answer.Rewind(start);
                var (bytes, failed) = Write(answer, call);
                var left = most - time.GetElapsedTime(began);
                if (failed || bytes >= call.MinBytes || left <= TimeSpan.Zero)
                {
                    request.HeldUntilSent = lease.Keep(answer.Position);
                    return;
                }

                lease.Dispose();
                await signal.WaitAsync(call.MinBytes - bytes, left, time, request.ConnectionClosed);
            }
            finally
            {
                foreach (var partition in watched)
                    partition.Unwatch(signal);
            }
        }
    }

    private Call Read(Request request, out int session, out int sessionEpoch)
    {
        var (version, body) = (request.Version, request.Body);
        body.ReadInt32(); // Replica id.
        var maxWait = body.ReadInt32();
        var minBytes = body.ReadInt32();
        var maxBytes = body.ReadInt32();
        var readCommitted = body.ReadInt8() == 1;
        session = version >= 7 ? body.ReadInt32() : 0;
        sessionEpoch = version >= 7 ? body.ReadInt32() : FinalEpoch;
        var asked = body.ReadArray(r =>
        {
            var name = r.ReadString();
            var parts = r.ReadArray(p =>
            {
                var index = p.ReadInt32();
                var leaderEpoch = version >= 9 ? p.ReadInt32() : -1;
                var offset = p.ReadInt64();
                if (version >= 12)
                    p.ReadInt32(); // Last fetched epoch.
                if (version >= 5)
                    p.ReadInt64(); // Log start offset of a follower.
                var part = new Part(index, leaderEpoch, offset, p.ReadInt32());
                p.SkipTags();
                return part;
            });
            r.SkipTags();
            return new TopicParts(name, parts);
        });
        if (version >= 7)
        {
            body.ReadArray(r =>
            {
                r.ReadString();
                r.ReadArray(p => p.ReadInt32());
                r.SkipTags();
                return 0;
            });
        }

        if (version >= 11)
            body.ReadString(); // Rack.
        body.SkipTags();
        return new Call(version, maxWait, minBytes, Math.Clamp(maxBytes, 0, options.MaxFetchBytes), readCommitted, asked);
    }

    private List<PartitionLog> Watch(Call call, DataSignal signal)
    {
        var watched = new List<PartitionLog>();
        foreach (var topic in call.Topics)
        {
            foreach (var part in topic.Parts)
            {
                if (topics.FindPartition(topic.Name, part.Index) is not { } partition)
                    continue;
                partition.Watch(signal);
                watched.Add(partition);
            }
        }

        return watched;
    }

    private static void WriteHead(KafkaWriter answer, short version, ErrorCode error)
    {
        answer.WriteInt32(0);
        if (version < 7)
            return;
        answer.WriteError(error);
        answer.WriteInt32(0);
    }

    private (int Bytes, bool Failed) Write(KafkaWriter answer, Call call)
    {
        var (bytes, failed) = (0, false);
        WriteHead(answer, call.Version, ErrorCode.None);
        answer.WriteArrayLength(call.Topics.Length);
        foreach (var topic in call.Topics)
        {
            answer.WriteString(topic.Name);
            answer.WriteArrayLength(topic.Parts.Length);
            foreach (var part in topic.Parts)
            {
                var partition = topics.FindPartition(topic.Name, part.Index);
                var error = Check(partition, part);
                failed |= error != ErrorCode.None;
                WritePartition(answer, call, part, partition, error, ref bytes);
            }

            answer.WriteTags();
        }

        answer.WriteTags();
        return (bytes, failed);
    }

    private static ErrorCode Check(PartitionLog? partition, Part part)
    {
        if (partition is null)
            return ErrorCode.UnknownTopicOrPartition;
        if (part.LeaderEpoch >= 0 && part.LeaderEpoch != PartitionLog.LeaderEpoch)
            return ErrorCode.UnknownLeaderEpoch;
        return partition.CheckFetch(part.Offset);
    }

    private static void WritePartition(KafkaWriter answer, Call call, Part part, PartitionLog? partition, ErrorCode error, ref int bytes)
    {
        var ok = error == ErrorCode.None && partition is not null;
        var highWatermark = ok ? partition!.HighWatermark : -1;
        answer.WriteInt32(part.Index);
        answer.WriteError(error);
        answer.WriteInt64(highWatermark);
        answer.WriteInt64(highWatermark); // Last stable offset: without transactions the same.
        if (call.Version >= 5)
            answer.WriteInt64(ok ? partition!.LogStart : -1);
        answer.WriteArrayLength(call.ReadCommitted && ok ? 0 : -1); // Aborted transactions.
        if (call.Version >= 11)
            answer.WriteInt32(-1); // Preferred read replica: none.
        if (ok)
            bytes += partition!.Read(part.Offset, Math.Min(part.MaxBytes, call.MaxBytes - bytes), firstWhole: bytes == 0, answer);
        else
            answer.WriteBytes([]);
        answer.WriteTags();
    }
}
