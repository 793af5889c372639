using System.Globalization;

namespace Chat.Frontend.Timeline;

/// <summary>
/// Times as the person at the browser reads them: their zone and their 12 or 24 hours, whatever zone the server stands in.
/// Days are theirs too, so that "Today" ends at their midnight.
/// </summary>
public sealed class LocalClock(TimeZoneInfo zone, bool twelveHours, TimeProvider time)
{
    private static readonly CultureInfo English = CultureInfo.InvariantCulture;
    private readonly string _shortTime = twelveHours ? "h:mm tt" : "HH:mm";
    private readonly string _longTime = twelveHours ? "h:mm:ss tt" : "HH:mm:ss";

    /// <summary>The clock of a browser: its IANA zone, or its present offset where this machine does not know the zone.</summary>
    public static LocalClock Of(string? zoneId, int offsetMinutes, bool twelveHours, TimeProvider time)
    {
        if (zoneId is { Length: > 0 and <= 64 } && TimeZoneInfo.TryFindSystemTimeZoneById(zoneId, out var zone))
            return new LocalClock(zone, twelveHours, time);
        // Zones lie between -12 and +14 hours.
        var offset = TimeSpan.FromMinutes(Math.Clamp(offsetMinutes, -12 * 60, 14 * 60));
        return new LocalClock(TimeZoneInfo.CreateCustomTimeZone("browser", offset, "browser", "browser"), twelveHours, time);
    }

    public DateTimeOffset Now => time.GetUtcNow();
    public DateOnly Today => Day(Now);

    public DateOnly Day(DateTimeOffset at) => DateOnly.FromDateTime(Local(at));

    /// <summary>09:44, or 9:44 AM.</summary>
    public string Time(DateTimeOffset at) => Local(at).ToString(_shortTime, English);

    /// <summary>Tuesday, 24 November 2026, 16:41:08.</summary>
    public string Full(DateTimeOffset at) => Local(at).ToString("dddd, d MMMM yyyy, ", English) + Local(at).ToString(_longTime, English);

    /// <summary>Today, Yesterday, Monday, 16 November, and with the year where it is not this one.</summary>
    public string DayName(DateOnly day)
    {
        var today = Today;
        if (day == today) return "Today";
        if (day == today.AddDays(-1)) return "Yesterday";
        return day.ToString(day.Year == today.Year ? "dddd, d MMMM" : "dddd, d MMMM yyyy", English);
    }

    /// <summary>Since when somebody is away: "5 min ago", "yesterday, 18:02", "2 weeks ago".</summary>
    public string Ago(DateTimeOffset at)
    {
        var ago = Now - at;
        if (ago < TimeSpan.FromMinutes(1)) return "just now";
        if (ago < TimeSpan.FromHours(1)) return $"{(int)ago.TotalMinutes} min ago";
        var days = Today.DayNumber - Day(at).DayNumber;
        return days switch
        {
            0 => $"today, {Time(at)}",
            1 => $"yesterday, {Time(at)}",
            < 7 => $"{days} days ago",
            < 14 => "a week ago",
            < 60 => $"{days / 7} weeks ago",
            _ => Local(at).ToString("d MMMM yyyy", English),
        };
    }

    private DateTime Local(DateTimeOffset at) => TimeZoneInfo.ConvertTime(at, zone).DateTime;
}
