using System.Reflection;

namespace Chat.Tests.Clients;

/// <summary>Each shared behaviour has a test of the .NET client, in this same run: where that test fails, the run does.</summary>
public sealed class DotnetBehaviourTests
{
    private static readonly ILookup<string, MethodInfo> Tests =
        (from type in typeof(DotnetBehaviourTests).Assembly.GetTypes()
         from method in type.GetMethods()
         from trait in method.GetCustomAttributes<TraitAttribute>()
         where trait.Name == Behaviours.Trait
         select (trait.Value, method)).ToLookup(found => found.Value, found => found.method);

    public static TheoryData<string> Ids => [.. Behaviours.Ids];

    [Theory]
    [MemberData(nameof(Ids))]
    public void Every_behaviour_has_a_test_of_the_dotnet_client_that_runs(string id) =>
        Assert.Contains(Tests[id], test => test.GetCustomAttribute<FactAttribute>() is { Skip: null });

    [Fact]
    public void No_test_names_a_behaviour_that_is_not_in_the_list() =>
        Assert.Empty(Tests.Select(behaviour => behaviour.Key).Except(Behaviours.Ids));
}
