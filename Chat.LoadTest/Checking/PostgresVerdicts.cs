using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>At rest Postgres has what history tells, event for event and byte for byte.</summary>
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
                else if (row.Sight != told.Sight)
                    yield return new("Postgres differs", roomId, $"{told.Seq} is {told.EventId} of epoch {told.Epoch} in history and {row.EventId} of epoch {row.Epoch} in Postgres{(row.EventId == told.EventId ? ", with other bytes" : "")}");
            }
            foreach (var row in rows.Values)
                yield return new("Postgres differs", roomId, $"{row.Seq} ({row.EventId}) is in Postgres and not in history");
        }
    }
}
