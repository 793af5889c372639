using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Reporting;

namespace Chat.LoadTest.Load;

/// <summary>What every load scenario can be told.</summary>
internal sealed record LoadOptions
{
    public static readonly IReadOnlyList<string> Names = ["nodes", "via", "report", "keep", "target", "dashboard", "data"];

    public required int Nodes { get; init; }

    /// <summary>Clients connect to the nodes themselves, in turn; else to the public origin.</summary>
    public required bool ViaNodes { get; init; }

    public required IReadOnlyList<ReportFile> Reports { get; init; }

    public required bool Keep { get; init; }

    /// <summary>Set together: a system that runs already.</summary>
    public required (Uri Target, Uri Dashboard)? Attached { get; init; }

    public required string? DataDirectory { get; init; }

    public static LoadOptions Parse(Arguments arguments, int nodes = 2, int minNodes = 1)
    {
        var (target, dashboard) = (arguments.Address("target"), arguments.Address("dashboard"));
        if (target is null != dashboard is null) throw new UsageException("--target and --dashboard belong together.");
        if (target is { Scheme: not "http" }) throw new UsageException($"--target is '{target}': loads go over plain http, so that what TLS costs this machine's clients is not taken for the servers'; name the http address.");
        return new LoadOptions
        {
            Nodes = arguments.Number("nodes", nodes, min: minNodes, max: 16),
            ViaNodes = (arguments.Text("via") ?? "gateway") switch
            {
                "gateway" => false,
                "nodes" => true,
                var other => throw new UsageException($"--via is '{other}': it must be gateway or nodes."),
            },
            Reports = [.. arguments.Texts("report").Select(path => new ReportFile(path))],
            Keep = arguments.Text("keep") is "yes",
            Attached = target is null ? null : (target, dashboard!),
            DataDirectory = arguments.Text("data"),
        };
    }

    public IEnumerable<Setting> Settings => [new("system", Attached is { } attached ? attached.Target.ToString() : $"its own, {Nodes} nodes"), new("via", ViaNodes ? "nodes" : "gateway")];
}
