namespace Chat.Frontend.Login;

/// <summary>Where a person wanted to go before signing in: only ever a path of this origin.</summary>
public static class ReturnAddress
{
    /// <summary>The path, or the start page when it is not one of ours.</summary>
    public static string Safe(string? from)
    {
        if (from is not { Length: >= 1 and <= 500 } || from[0] != '/') return "/";
        // "//host" and "/\host" leave the origin; control characters are dropped by browsers and could make one of these.
        if (from.Length > 1 && from[1] is '/' or '\\') return "/";
        return from.Any(char.IsControl) ? "/" : from;
    }

    /// <summary>The same, as the query of a link.</summary>
    public static string Query(string? from) => Safe(from) is var safe && safe == "/" ? "" : "?from=" + Uri.EscapeDataString(safe);
}
