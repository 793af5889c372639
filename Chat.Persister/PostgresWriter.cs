using System.Text;
using Chat.Contracts;
using Chat.Data.Writing;
using Confluent.Kafka;
using Npgsql;

namespace Chat.Persister;

/// <summary>
/// Writes a batch's rooms and its log positions in one transaction. A row that Postgres refuses never holds up the others: it is found by halving,
/// its copy goes to the dead letters, and its place in the room is kept by a row without content.
/// </summary>
internal sealed class PostgresWriter(EventWriter writer, DeadLetters dead)
{
    /// <summary>
    /// Throws <see cref="NpgsqlException"/>, <see cref="TimeoutException"/> or <see cref="KafkaException"/> when it cannot be done now;
    /// whether it was done is then unknown, and the next attempt finds out.
    /// </summary>
    public async Task<WriteOutcome> WriteAsync(NumberedBatch batch, RoomCopies copies, CancellationToken cancellationToken)
    {
        // A part of a batch moves rooms, but not the log: the records are not all there yet.
        var ranges = batch.Batch.Ranges.Select(range => copies.IsWhole ? range : range with { To = range.From }).ToList();
        try
        {
            return await writer.WriteAsync(batch.Epoch, ranges, copies.Rooms, cancellationToken);
        }
        catch (PostgresException refusal) when (EventWriter.IsRefusedRow(refusal))
        {
            var rows = copies.Rooms.SelectMany(copy => copy.Rows).ToList();
            var refused = (await writer.FindRefusedAsync(rows, cancellationToken)).ToHashSet();
            if (refused.Count == 0)
                throw;
            foreach (var row in refused)
                await dead.SendAsync(ToDead(row, refusal), cancellationToken);
            var readable = copies.Rooms.Select(copy => copy with { Rows = [.. copy.Rows.Select(row => refused.Contains(row) ? row.WithoutContent() : row)] });
            return await writer.WriteAsync(batch.Epoch, ranges, [.. readable], cancellationToken);
        }
    }

    private static DeadRecord ToDead(EventRow row, PostgresException refusal) => new(
        Encoding.UTF8.GetBytes(row.RoomId), Encoding.UTF8.GetBytes(row.Body),
        new Headers { { LogHeaders.EventId, Encoding.UTF8.GetBytes(row.EventId.ToString("N")) } },
        $"Postgres refuses it: {refusal.SqlState} {refusal.MessageText}", $"{row.RoomId}#{row.Seq}");
}
