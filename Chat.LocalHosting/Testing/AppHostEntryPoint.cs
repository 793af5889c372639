using System.Reflection;
using Microsoft.Extensions.Hosting;

namespace Aspire.Hosting.Testing;

/// <summary>
/// Runs the AppHost's own <c>Main</c> on a thread of its own and takes over at its three calls: CreateBuilder gets the test's settings,
/// Build waits until the test wants the application, and Run leaves it to the test. So a test runs the very model that is shipped.
/// </summary>
internal sealed class AppHostEntryPoint
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    // Flows to the thread of Main only, so that several tests can run AppHosts at the same time.
    private static readonly AsyncLocal<AppHostEntryPoint?> Flowing = new();

    private readonly Assembly _appHost;
    private readonly DistributedApplicationOptions _testOptions;
    private readonly IReadOnlyDictionary<string, string?> _defaults;
    private readonly TaskCompletionSource<TestingBuilder> _builder = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<DistributedApplication> _application = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public AppHostEntryPoint(Assembly appHost, DistributedApplicationOptions testOptions, IReadOnlyDictionary<string, string?> defaults)
    {
        _appHost = appHost;
        _testOptions = testOptions;
        _defaults = defaults;
    }

    public static AppHostEntryPoint? Current => Flowing.Value;

    /// <summary>Runs Main up to its Build.</summary>
    public async Task<TestingBuilder> StartAsync(CancellationToken cancellationToken)
    {
        var main = _appHost.EntryPoint ?? throw new InvalidOperationException($"{_appHost.GetName().Name} has no entry point.");
        var previous = Flowing.Value;
        Flowing.Value = this;
        new Thread(() => RunMain(main)) { IsBackground = true, Name = "AppHost" }.Start();
        Flowing.Value = previous;
        return await _builder.Task.WaitAsync(Timeout, cancellationToken);
    }

    /// <summary>Lets Main go on and returns the application that it builds.</summary>
    public Task<DistributedApplication> BuildAsync(CancellationToken cancellationToken)
    {
        _wanted.TrySetResult();
        return _application.Task.WaitAsync(Timeout, cancellationToken);
    }

    /// <summary>The test is over without having wanted the application.</summary>
    public void Abandon() => _wanted.TrySetCanceled();

    public IDistributedApplicationBuilder HandOver(DistributedApplicationOptions options)
    {
        options.Args = [.. options.Args ?? [], .. _testOptions.Args ?? []];
        options.DisableDashboard = _testOptions.DisableDashboard;
        options.EnableResourceLogging = _testOptions.EnableResourceLogging;
        var inner = new DistributedApplicationBuilder(options, _appHost, _defaults);
        return new TestingBuilder(inner, this);
    }

    /// <summary>Main has said all there is to say about the model: the test may change it now.</summary>
    public DistributedApplication Build(TestingBuilder builder, Func<DistributedApplication> build)
    {
        _builder.TrySetResult(builder);
        _wanted.Task.GetAwaiter().GetResult();
        var application = build();
        _application.TrySetResult(application);
        return application;
    }

    public void LeaveToTest() => throw new HostAbortedException("The application is run by a test.");

    private void RunMain(MethodInfo main)
    {
        try
        {
            var result = main.Invoke(null, main.GetParameters().Length == 0 ? null : [Array.Empty<string>()]);
            if (result is Task task)
                task.GetAwaiter().GetResult();
            Fail(new InvalidOperationException($"{_appHost.GetName().Name} ended without building an application."));
        }
        catch (TargetInvocationException failure) when (failure.InnerException is HostAbortedException or OperationCanceledException)
        {
            // Left to the test, or abandoned by it.
        }
        catch (Exception failure)
        {
            Fail(failure is TargetInvocationException { InnerException: { } inner } ? inner : failure);
        }
    }

    private void Fail(Exception failure)
    {
        _builder.TrySetException(failure);
        _application.TrySetException(failure);
    }
}
