using System.Text.Json;
using Chat.LoadTest.CommandLine;
using Chat.Tests.Backends;

namespace Chat.Tests.LoadTest;

/// <summary>The command line: what is wrong with it is said in words, with exit code 2.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("There is no command 'x'", "x")]
    [InlineData("--minuts is not known", "faults", "--minuts", "3")]
    [InlineData("--minutes needs a value", "faults", "--minutes")]
    [InlineData("--minutes is 'long'", "faults", "--minutes", "long")]
    [InlineData("There is no fault 'rain'", "faults", "--faults", "rain")]
    [InlineData("belong together", "faults", "--target", "http://localhost:1")]
    [InlineData("rewind-redis needs --data", "faults", "--target", "http://localhost:1", "--dashboard", "http://localhost:1", "--faults", "rewind-redis")]
    [InlineData("cut-redis cannot be done to a system that runs already", "faults", "--target", "http://localhost:1", "--dashboard", "http://localhost:1", "--faults", "cut-redis")]
    [InlineData("--connections is '1'", "recovery", "--connections", "1")]
    [InlineData("--nodes is '1'", "recovery", "--nodes", "1")]
    [InlineData("nothing called 'rain'", "recovery", "--kill", "node,rain")]
    [InlineData("belong together", "recovery", "--dashboard", "http://localhost:1")]
    [InlineData("--members is '0'", "fanout", "--members", "0")]
    [InlineData("40000 connections, and one machine has ports for 25000", "rooms", "--rooms", "10000", "--members", "4")]
    [InlineData("--via is 'air'", "fanout", "--via", "air")]
    [InlineData("one of .md, .json, .html", "fanout", "--report", "figures.txt")]
    [InlineData("lower --rate or --seconds", "fanout", "--rate", "20000", "--seconds", "86400")]
    [InlineData("--connections is not known", "fanout", "--connections", "3")]
    [InlineData("the base must be the smaller one", "idle", "--connections", "100", "--base", "100")]
    [InlineData("--nodes is '1'", "storm", "--nodes", "1")]
    [InlineData("8 samples are needed", "soak", "--minutes", "1", "--sample-seconds", "10")]
    [InlineData("--seconds is not known", "soak", "--seconds", "10")]
    [InlineData("--at-once is '0'", "connect", "--at-once", "0")]
    [InlineData("--interval-ms is '1'", "polling", "--interval-ms", "1")]
    [InlineData("name the http address", "fanout", "--target", "https://localhost:8443", "--dashboard", "http://localhost:1")]
    [InlineData("--count is '0'", "tokens", "--count", "0")]
    [InlineData("--count is given twice", "tokens", "--count", "1", "--count", "1")]
    [InlineData("There is no signing key", "tokens", "--data", "/nowhere")]
    [InlineData("'3' is not an option", "tokens", "3")]
    public async Task A_wrong_command_line_is_answered_with_words(string expected, params string[] words)
    {
        var output = new StringWriter();
        Assert.Equal(ExitCodes.NotRun, await Chat.LoadTest.CommandLine.Commands.RunAsync(words, output, TestContext.Current.CancellationToken));
        Assert.Contains(expected, output.ToString());
    }

    [Fact]
    public async Task Help_names_every_command_and_fault()
    {
        var output = new StringWriter();
        Assert.Equal(ExitCodes.Success, await Chat.LoadTest.CommandLine.Commands.RunAsync(["--help"], output, TestContext.Current.CancellationToken));
        Assert.All(["tokens", "faults", "recovery", "fanout", "rooms", "idle", "connect", "storm", "soak", "polling", "kill-node", "rewind-redis", "half-open-postgres"], word => Assert.Contains(word, output.ToString()));
    }

    [Fact]
    public async Task Tokens_are_lines_of_three_fields_that_only_their_owner_can_read()
    {
        using var directory = new TestDirectory();
        await File.WriteAllTextAsync(Path.Combine(directory.Path, "signing.key"), Convert.ToBase64String(new byte[33]) + "\n", TestContext.Current.CancellationToken);
        var file = Path.Combine(directory.Path, "tokens.tsv");
        var output = new StringWriter();
        Assert.Equal(ExitCodes.Success, await Chat.LoadTest.CommandLine.Commands.RunAsync(["tokens", "--count", "3", "--out", file, "--data", directory.Path], output, TestContext.Current.CancellationToken));

        var lines = await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken);
        Assert.Equal(["load-000001", "load-000002", "load-000003"], lines.Select(line => line.Split('\t')[1]));
        Assert.All(lines, line => Assert.Equal(3, line.Split('\t').Length));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        var claims = JsonSerializer.Deserialize<JsonElement>(Microsoft.AspNetCore.WebUtilities.WebEncoders.Base64UrlDecode(lines[0].Split('.')[1]));
        Assert.Equal(("load-000001", "load-000001", "chat", "chat"), (claims.GetProperty("sub").GetString(), claims.GetProperty("name").GetString(), claims.GetProperty("iss").GetString(), claims.GetProperty("aud").GetString()));
    }
}
