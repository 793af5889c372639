using System.Text.Json;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>Pages through the history of a room, as a client does that was away for long.</summary>
internal static class HistoryPages
{
    private const int PageSize = 200;

    /// <summary>All events after <paramref name="after"/>, page by page, each with the last number of its page; with their state where it is asked for.</summary>
    public static async IAsyncEnumerable<(JsonElement Event, long PageEnd)> ReadAsync(
        HttpCalls http, Route route, string token, string roomId, long after, bool withState, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        while (true)
        {
            var page = await http.GetAsync(route, token, $"/api/rooms/{roomId}/messages?after_seq={after}&limit={PageSize}{(withState ? "&state=true" : "")}", stop);
            var events = page.GetProperty("events");
            if (events.GetArrayLength() > 0) after = events[events.GetArrayLength() - 1].GetProperty("seq").GetInt64();
            foreach (var json in events.EnumerateArray()) yield return (json, after);
            if (!page.GetProperty("has_more").GetBoolean()) yield break;
        }
    }
}
