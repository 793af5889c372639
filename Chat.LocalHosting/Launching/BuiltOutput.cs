using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Aspire.Hosting;

namespace Chat.LocalHosting.Launching;

/// <summary>
/// Where the build has put the program of a project: in the configuration and for the framework that the AppHost itself was built with.
/// The engine starts that file and nothing around it, so the process id is the service's own.
/// </summary>
internal sealed class BuiltOutput(Assembly? appHost)
{
    private readonly string _configuration = appHost?.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";

    private readonly string _framework = FrameworkOf(appHost?.GetCustomAttribute<TargetFrameworkAttribute>()?.FrameworkName);

    /// <summary>The .NET installation that runs this process: built programs look for theirs in places that it need not be in.</summary>
    public static string DotnetRoot { get; } = Path.GetFullPath("../../..", RuntimeEnvironment.GetRuntimeDirectory());

    /// <exception cref="DistributedApplicationException">The project is not built.</exception>
    public string ExecutableOf(string projectPath)
    {
        var executable = Path.Combine(
            Path.GetDirectoryName(projectPath)!, "bin", _configuration, _framework, Path.GetFileNameWithoutExtension(projectPath));
        return File.Exists(executable)
            ? executable
            : throw new DistributedApplicationException($"{executable} does not exist. Build it: dotnet build -c {_configuration} {projectPath}");
    }

    private static string FrameworkOf(string? frameworkName)
    {
        var version = frameworkName is null ? Environment.Version : new FrameworkName(frameworkName).Version;
        return $"net{version.Major}.{version.Minor}";
    }
}
