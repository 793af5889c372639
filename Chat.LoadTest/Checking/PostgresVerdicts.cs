using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>At rest Postgres has what history tells, event for event and byte for byte, and each event as it was sent: what history lays over them is no row's business.</summary>
internal static class PostgresVerdicts
{
    public static IEnumerable<Violation> PostgresDiffers(RunRecord run)
    {
        if (run.Postgres is not { } postgres) yield break;
        foreach (var (roomId, history) in run.History)
        {
            var rows = (postgres.GetValueOrDefault(roomId) ?? []).DistinctBy(e => e.Seq).ToDictionary(e => e.Seq);
            foreach (var told in history)
            {
                if (!rows.Remove(told.Seq, out var row))
                    yield return new("Postgres differs", roomId, $"{told.Seq} ({told.EventId}) is in history and not in Postgres");
                else if (!row.Sight.IsSameEvent(told.Sight))
                    yield return new("Postgres differs", roomId, $"{told.Seq} is {told.EventId} of epoch {told.Epoch} in history and {row.EventId} of epoch {row.Epoch} in Postgres{(row.EventId == told.EventId ? ", with other bytes" : "")}");
                else if (row.Operation is { } operation && run.Wishes.TryGetValue(operation, out var wish) && row.Face != new Face(wish.Content))
                    yield return new("Postgres differs", roomId, $"{told.Seq} ({row.EventId}) has {row.Face} in Postgres, and {operation} was sent with {new Face(wish.Content)}");
            }
            foreach (var row in rows.Values)
                yield return new("Postgres differs", roomId, $"{row.Seq} ({row.EventId}) is in Postgres and not in history");
        }
    }
}
