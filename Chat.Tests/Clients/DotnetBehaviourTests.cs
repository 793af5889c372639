using System.Reflection;
using Chat.Tests.Client;

namespace Chat.Tests.Clients;

/// <summary>Each shared behaviour has a test of the .NET client on each wire, in this same run: where that test fails, the run does.</summary>
public sealed class DotnetBehaviourTests
{
    private static readonly ILookup<(Wire Wire, string Behaviour), MethodInfo> Tests =
        (from type in typeof(DotnetBehaviourTests).Assembly.GetTypes()
         where type is { IsClass: true, IsAbstract: false }
         from method in type.GetMethods()
         from trait in method.GetCustomAttributes<TraitAttribute>()
         where trait.Name == Behaviours.Trait
         select ((OnWireAttribute.Of(type), trait.Value), method)).ToLookup(found => found.Item1, found => found.method);

    public static TheoryData<Wire, string> Promises =>
        new(from wire in Enum.GetValues<Wire>() from id in Behaviours.Ids select (wire, id));

    [Theory]
    [MemberData(nameof(Promises))]
    public void Every_behaviour_has_a_test_of_the_dotnet_client_that_runs_on_every_wire(Wire wire, string id) =>
        Assert.Contains(Tests[(wire, id)], test => test.GetCustomAttribute<FactAttribute>() is { Skip: null });

    [Fact]
    public void No_test_names_a_behaviour_that_is_not_in_the_list() =>
        Assert.Empty(Tests.Select(behaviour => behaviour.Key.Behaviour).Except(Behaviours.Ids));
}
