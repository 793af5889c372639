using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Chat.Realtime.Commands;

namespace Chat.Tests.LoadTest;

/// <summary>JMeter is not there when the tests run; what its plan sends can still be held against the node's own reading.</summary>
public sealed partial class JMeterPlanTests
{
    [Fact]
    public void The_node_reads_every_command_that_the_JMeter_plan_sends()
    {
        var scripts = XDocument.Load(PlanPath()).Descendants("JSR223Sampler")
            .SelectMany(sampler => sampler.Elements("stringProp")).Where(property => (string?)property.Attribute("name") == "script");

        var commands = scripts.SelectMany(script => CommandText().Matches(script.Value)).Select(match => Read(match.Groups["frame"].Value)).ToArray();

        Assert.Equal([CommandKind.Subscribe, CommandKind.ChatMessage], commands.Select(command => command.Kind));
        Assert.All(commands, command => Assert.Equal("1", Encoding.UTF8.GetString(command.Id.Span)));
        Assert.All(commands, command => Assert.Equal("text", command.RoomId));
        Assert.Equal(("text", "text"), (commands[1].Content, commands[1].ClientId));
    }

    private static Command Read(string format)
    {
        var frame = format.Replace("%d", "1", StringComparison.Ordinal).Replace("%s", "text", StringComparison.Ordinal);
        Assert.True(CommandParser.TryParse(Encoding.UTF8.GetBytes(frame), out var command, out _, out var error), $"{frame}: {error}");
        return command;
    }

    private static string PlanPath([CallerFilePath] string path = "") =>
        Path.Combine(Path.GetDirectoryName(path)!, "..", "..", "loadtest", "jmeter", "chat.jmx");

    // A Groovy text in quotes, with the places for Java's String.format.
    [GeneratedRegex("""'(?<frame>\{"event_type".*\})'""")]
    private static partial Regex CommandText();
}
