using System.Net;

namespace Chat.LoadTest.Reporting;

/// <summary>The frame of every page for people: one file, nothing loaded from elsewhere, light and dark as the reader's system is.</summary>
internal static class Page
{
    private const string Style = """
        :root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6470;--page:#fff;--line:#d9dee4;--flow:#2f7d5b;--fault:#c2542d;--bad:#b3261e;--c0:#2f7d5b;--c1:#c2542d;--c2:#3b6fb6;--c3:#8a5cb0;--c4:#b08a1e;--c5:#2a8f9e;--c6:#a34a6b;--c7:#6b7280}
        @media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa4b1;--page:#14171b;--line:#303740;--flow:#5fbf94;--fault:#e58a63;--bad:#ff8a80;--c0:#5fbf94;--c1:#e58a63;--c2:#7fa9e6;--c3:#bd97dd;--c4:#dcb95a;--c5:#63c3d1;--c6:#dd86a8;--c7:#9aa4b1}}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:72rem;margin:2rem auto;padding:0 1rem}
        h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
        th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
        .wide{overflow-x:auto}.bad{color:var(--bad)}.soft{color:var(--soft)}svg{width:100%;min-width:48rem;height:auto}svg text{fill:var(--soft);font:11px system-ui,sans-serif}
        """;

    public static string Begin(string title) => $"""
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
        <title>{Escape(title)}</title><style>{Style}</style></head><body>
        <h1>{Escape(title)}</h1>

        """;

    public const string End = "</body></html>\n";

    public static string Escape(string text) => WebUtility.HtmlEncode(text);
}
