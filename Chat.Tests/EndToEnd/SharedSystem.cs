using Chat.LocalHosting.Processes;

namespace Chat.Tests.EndToEnd;

/// <summary>One system for all tests that leave it as it is.</summary>
public sealed class SharedSystem : IAsyncLifetime
{
    internal ChatSystem System { get; private set; } = null!;

    /// <summary>A browser origin, other than the platform's own, that may connect and call. Nobody listens there yet.</summary>
    internal Uri ForeignOrigin { get; } = new($"http://localhost:{LoopbackPort.Pick()}");

    public async ValueTask InitializeAsync() =>
        System = await ChatSystem.StartAsync($"Chat:Origins:0={ForeignOrigin.GetLeftPart(UriPartial.Authority)}");

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
