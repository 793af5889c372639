using System.Text.Json.Nodes;
using System.Xml.Linq;
using Aspire.Hosting;

namespace Chat.Tests.LocalHosting;

/// <summary>The classes that the build generates for an AppHost.</summary>
public sealed class ProjectsClassTests
{
    [Fact]
    public void Each_referenced_project_has_a_class_that_knows_its_file()
    {
        IProjectMetadata metadata = new Projects.Small_Service();

        Assert.True(File.Exists(metadata.ProjectPath));
        Assert.EndsWith("Small.Service.csproj", metadata.ProjectPath);
        Assert.True(metadata.SuppressBuild);
    }

    [Fact]
    public void The_AppHost_has_a_class_that_knows_its_folder_and_cannot_be_made()
    {
        Assert.True(Directory.Exists(Projects.SmallAppHost.ProjectPath));
        Assert.Empty(typeof(Projects.SmallAppHost).GetConstructors());
        Assert.IsNotAssignableFrom<IProjectMetadata>(typeof(Projects.SmallAppHost));
    }

    [Fact]
    public void Libraries_have_none()
    {
        Assert.Equal(["SmallAppHost", "Small_Service"], typeof(Projects.SmallAppHost).Assembly.GetTypes()
            .Where(type => type.Namespace == "Projects").Select(type => type.Name).Order(StringComparer.Ordinal).ToArray());
    }

    [Fact]
    public void The_genuine_SDK_has_the_version_of_the_genuine_packages()
    {
        var root = Path.GetFullPath("..", Projects.Chat_AppHost.ProjectPath);
        var sdk = (string?)JsonNode.Parse(File.ReadAllText(Path.Combine(root, "global.json")))!["msbuild-sdks"]!["Aspire.AppHost.Sdk"];
        var packages = XDocument.Load(Path.Combine(root, "Directory.Packages.props")).Descendants("AspireVersion").Single().Value;

        Assert.Equal(packages, sdk);
    }
}
