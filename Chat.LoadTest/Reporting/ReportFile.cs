using Chat.LoadTest.CommandLine;

namespace Chat.LoadTest.Reporting;

/// <summary>A report to be written; the extension of the file says in which form.</summary>
internal sealed class ReportFile
{
    private static readonly IReadOnlyDictionary<string, Func<Report, string>> Forms = new Dictionary<string, Func<Report, string>>(StringComparer.OrdinalIgnoreCase)
    {
        [".md"] = MarkdownReport.Render,
        [".json"] = JsonReport.Render,
        [".html"] = LoadPage.Render,
    };

    private readonly string _path;
    private readonly Func<Report, string> _render;

    public ReportFile(string path)
    {
        _path = path;
        _render = Forms.GetValueOrDefault(Path.GetExtension(path)) ?? throw new UsageException($"--report is '{path}': its extension must be one of {string.Join(", ", Forms.Keys)}.");
        // Said before a run of minutes, not after it.
        var directory = Path.GetDirectoryName(Path.GetFullPath(path));
        if (!Directory.Exists(directory)) throw new UsageException($"--report is '{path}': there is no directory {directory}; make it first.");
    }

    public Task WriteAsync(Report report, CancellationToken stop) => File.WriteAllTextAsync(_path, _render(report), stop);
}
