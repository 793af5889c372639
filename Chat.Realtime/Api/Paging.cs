using System.Text;
using Chat.Contracts;
using Microsoft.AspNetCore.WebUtilities;

namespace Chat.Realtime.Api;

/// <summary>Pages of lists: a limit, an opaque place to go on from, and a <c>Link</c> to the next page where there is one.</summary>
internal static class Paging
{
    private const int DefaultLimit = 50;
    public const int MaxLimit = 200;

    /// <summary>The page size that was asked for, within its bounds.</summary>
    public static int Limit(int? limit, int byDefault = DefaultLimit, int max = MaxLimit) => limit switch
    {
        null => byDefault,
        < 1 => throw new ChatException(ErrorCodes.BadRequest, "limit must be at least 1."),
        { } given => Math.Min(given, max),
    };

    /// <summary>Cuts <paramref name="items"/>, of which one more than the page was read, and links to the rest.</summary>
    public static IReadOnlyList<T> Page<T>(HttpContext context, IReadOnlyList<T> items, int limit, Func<T, string> placeOf)
    {
        if (items.Count <= limit) return items;
        var page = items.Take(limit).ToArray();
        Link(context, placeOf(page[^1]));
        return page;
    }

    /// <summary>Links to the page that begins after <paramref name="place"/>.</summary>
    public static void Link(HttpContext context, string place)
    {
        var query = context.Request.Query.Where(p => p.Key != "after").Select(p => KeyValuePair.Create(p.Key, (string?)p.Value.ToString()))
            .Append(KeyValuePair.Create("after", (string?)Encode(place)));
        context.Response.Headers.Link = $"<{QueryHelpers.AddQueryString(context.Request.Path, query)}>; rel=\"next\"";
    }

    /// <summary>The place out of a link; null when none was given.</summary>
    public static string? Place(string? after)
    {
        if (after is null) return null;
        try
        {
            return Encoding.UTF8.GetString(WebEncoders.Base64UrlDecode(after));
        }
        catch (FormatException)
        {
            throw new ChatException(ErrorCodes.BadRequest, "after is not from a Link of this list.");
        }
    }

    private static string Encode(string place) => WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(place));
}
