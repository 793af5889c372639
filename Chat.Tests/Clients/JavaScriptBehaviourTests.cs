using Chat.Tests.EndToEnd;

namespace Chat.Tests.Clients;

/// <summary>Each shared behaviour is proven by the JavaScript client, whose tests Node runs once.</summary>
[Collection(SharedSystemTests.Name)]
public sealed class JavaScriptBehaviourTests(JavaScriptRun run) : IClassFixture<JavaScriptRun>
{
    public static TheoryData<string> Ids => [.. Behaviours.Ids];

    [Theory]
    [MemberData(nameof(Ids))]
    public void Every_behaviour_is_reported_as_passed_by_the_javascript_client(string id)
    {
        Assert.True(run.Passed.TryGetValue(id, out var passed), $"No test of {id} was reported:\n{run.Output}");
        Assert.True(passed, run.Output);
    }

    [Fact]
    public void All_tests_of_the_javascript_client_pass() => Assert.True(run.ExitCode == 0, run.Output);
}
