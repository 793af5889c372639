using Chat.Contracts;
using Chat.Data.Model;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>
/// Takes the members out of rooms whose deletion was cut short: the room is gone for everybody by its own row, but what it left behind would stay for ever.
/// </summary>
public sealed partial class DeletedRooms(UnitOfWork work, Rooms rooms, TimeProvider time, ILogger<DeletedRooms> logger) : BackgroundService
{
    private const int RoomsAtOnce = 50;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval * (0.5 + Random.Shared.NextDouble()), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested) return;
            try
            {
                await FinishAsync(stoppingToken);
            }
            catch (Exception e) // whatever it is, the next round tries again: housekeeping must not end the node
            {
                Log.Postponed(logger, e.Message);
            }
        }
    }

    /// <summary>Empties deleted rooms that still have members and returns how many there were.</summary>
    internal async Task<int> FinishAsync(CancellationToken cancellationToken)
    {
        var unfinished = await work.RunAsync((db, token) => db.Rooms
            .Where(r => r.DeletedAt != null && db.Memberships.Any(m => m.RoomId == r.RoomId))
            .OrderBy(r => r.DeletedAt).Select(r => r.RoomId).Take(RoomsAtOnce).ToListAsync(token), cancellationToken);
        foreach (var roomId in unfinished) await rooms.EmptyAsync(roomId, cancellationToken);
        return unfinished.Count;
    }

    private static partial class Log
    {
        [LoggerMessage(3221, LogLevel.Debug, "Emptying deleted rooms is postponed: {Reason}")]
        public static partial void Postponed(ILogger logger, string reason);
    }
}
