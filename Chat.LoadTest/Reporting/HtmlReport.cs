using Chat.LoadTest.Faults;

namespace Chat.LoadTest.Reporting;

internal static class HtmlReport
{
    public static string Render(FaultRunResult result) => $"<pre>{string.Join('\n', RunFigures.Of(result).Lines())}</pre>";
}
