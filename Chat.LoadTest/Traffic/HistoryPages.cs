using System.Text.Json;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>Pages through the history of a room, as a client does that was away for long.</summary>
internal static class HistoryPages
{
    private const int PageSize = 200;

    /// <summary>All events after <paramref name="after"/>, page by page.</summary>
    public static async IAsyncEnumerable<JsonElement> ReadAsync(
        HttpCalls http, Route route, string token, string roomId, long after, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        while (true)
        {
            var page = await http.GetAsync(route, token, $"/api/rooms/{roomId}/messages?after_seq={after}&limit={PageSize}", stop);
            foreach (var json in page.GetProperty("events").EnumerateArray())
            {
                after = json.GetProperty("seq").GetInt64();
                yield return json;
            }
            if (!page.GetProperty("has_more").GetBoolean()) yield break;
        }
    }
}
