using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;
using Chat.Realtime.History;

namespace Chat.Realtime.Connections;

/// <summary>
/// Asks once what everybody's way in asks: for a user, a room, its members and its newest event, each of them none that exists. Nothing is left of it but compiled code and open
/// connections, for which the first of thousands who come right after a start would have waited beyond their deadlines.
/// </summary>
internal sealed partial class RehearsalAtStart(
    UserDirectory users, RoomAccess access, PublicJoins joins, SharedHistory history, RedisSubscribers subscribers, TimeProvider time, ILogger<RehearsalAtStart> logger)
    : AtStart(time, "not rehearsed yet")
{
    // Ids that nobody can be given: their rules allow no such letter.
    private const string Nobody = "\u2205";
    private const string NoRoom = "\u2205";
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private string _reason = "it took too long";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var late = new CancellationTokenSource(Patience, Time);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, late.Token);
        try
        {
            while (!await TryRehearseAsync(patience.Token)) await Task.Delay(Pause * (0.5 + Random.Shared.NextDouble()), Time, patience.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            if (stoppingToken.IsCancellationRequested) return;
            Log.NotRehearsed(logger, _reason);
        }
        Over();
    }

    // Where all start at once and compile, the first attempt may itself come too late for its deadlines.
    private async Task<bool> TryRehearseAsync(CancellationToken cancellationToken)
    {
        try
        {
            subscribers.Open();
            await RehearseAsync(cancellationToken);
            return true;
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            // Whatever it is, a newcomer meets it too and is told; a rehearsal is no reason not to start.
            _reason = failure.Message;
            return false;
        }
    }

    private async Task RehearseAsync(CancellationToken cancellationToken)
    {
        await users.FindAsync(Nobody, cancellationToken);
        await access.GetAsync(NoRoom, Nobody, cancellationToken);
        await joins.JoinAsync(NoRoom, new ConnectedUser(Nobody, Nobody, null, Admin: false, SessionId: null, DateTimeOffset.MaxValue), cancellationToken);
        await history.GetBoundsAsync(NoRoom, cancellationToken);
        (await subscribers.SubscribeAsync(NoRoom, this, static (_, _) => { })).Unsubscribe();
    }

    private static partial class Log
    {
        [LoggerMessage(1098, LogLevel.Information, "The way in could not be rehearsed ({Reason}): the first newcomers will wait somewhat longer")]
        public static partial void NotRehearsed(ILogger logger, string reason);
    }
}
