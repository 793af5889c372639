using Chat.Contracts;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Crowds;

/// <summary>Makes what a crowd needs before it comes.</summary>
internal sealed class CrowdSetup(HttpCalls http, Route route)
{
    private const int CallsAtOnce = 8;
    private const int MaxRepeats = 10;

    /// <summary>Users, rooms and memberships, before anybody is connected who would be told of each.</summary>
    public async Task PrepareAsync(CrowdPlan plan, IReadOnlyList<User> authors, IReadOnlyList<User> users, CancellationToken stop, Action? called = null)
    {
        try
        {
            await EachAsync(authors.Select(author => (author, author)), (_, author, quit) => http.GetAsync(route, author.Token, "/api/me", quit));
            await EachAsync(plan.Rooms.Select((room, i) => (room, authors[i % authors.Count])), (room, author, quit) =>
                http.PostAsync(route, author.Token, "/api/rooms", new { room_id = room, name = room, kind = "public" }, quit));
            await EachAsync(
                users.SelectMany((user, i) => plan.Followed[i].Select(room => (room, user))),
                (room, user, quit) => http.PostAsync(route, user.Token, $"/api/rooms/{room}/join", new { }, quit));
        }
        catch (Exception failure) when (failure is LinkLostException or ChatException)
        {
            throw new UsageException($"The rooms could not be made over {route.Address}: {failure.Message} {failure.InnerException?.Message}");
        }

        Task EachAsync<T>(IEnumerable<(T What, User User)> calls, Func<T, User, CancellationToken, Task> call) => Parallel.ForEachAsync(
            calls, new ParallelOptions { MaxDegreeOfParallelism = CallsAtOnce, CancellationToken = stop }, async (one, quit) =>
            {
                await PatientlyAsync(() => call(one.What, one.User, quit), quit);
                called?.Invoke();
            });
    }

    /// <summary>A busy machine may answer too late. What was done all the same is not done twice: a room that is there is refused as a conflict.</summary>
    private static async Task PatientlyAsync(Func<Task> call, CancellationToken stop)
    {
        for (var failures = 0; ; failures++)
        {
            try
            {
                await call();
                return;
            }
            catch (ChatException done) when (done.Code == ErrorCodes.Conflict && failures > 0)
            {
                return;
            }
            catch (Exception late) when (failures < MaxRepeats && (late is LinkLostException || late is ChatException { Code: var code } && Operation.OutcomeOf(code) == SendOutcome.Repeat))
            {
                await Task.Delay(Backoff.After(failures, Random.Shared), stop);
            }
        }
    }
}
