namespace Chat.Tests.EndToEnd;

/// <summary>One system for all tests that leave it as it is.</summary>
public sealed class SharedSystem : IAsyncLifetime
{
    internal ChatSystem System { get; private set; } = null!;

    public async ValueTask InitializeAsync() => System = await ChatSystem.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (System is not null) await System.DisposeAsync();
    }
}

/// <summary>Tests of the shared system, one after the other and apart from all others: they have the machine for themselves.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class SharedSystemTests : ICollectionFixture<SharedSystem>
{
    public const string Name = "The whole system";
}
