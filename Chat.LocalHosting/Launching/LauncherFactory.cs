using System.Reflection;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Engine;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Launching;

/// <summary>The one table of what the engine can run.</summary>
internal sealed class LauncherFactory(EngineSettings settings, DataDirectory data, ProcessStarter starter, HttpClient http)
{
    private const string BrokerProject = "localkafkaproject";

    private readonly BuiltOutput _output = new(settings.AppHost);

    /// <summary>Null for what is not a process: parameters, databases, connection strings.</summary>
    public Launcher? Create(IResource resource) => resource switch
    {
        ProjectResource project => new ProjectLauncher(project, _output, settings.Context, http),
        ExecutableResource executable => new ExecutableLauncher(executable, settings.Context, http),
        RedisResource redis => new RedisLauncher(redis, data[redis.Name]),
        PostgresServerResource postgres => new PostgresLauncher(postgres, data[postgres.Name], starter),
        KafkaServerResource kafka => new KafkaLauncher(kafka, BrokerExecutable(), data[kafka.Name]),
        ContainerResource container => throw new DistributedApplicationException(
            $"'{container.Name}' is a container, which needs the genuine Aspire and Docker (UseAspire=true); the local engine knows Redis, Kafka and Postgres."),
        _ => null,
    };

    private string BrokerExecutable()
    {
        var project = settings.AppHost?.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(metadata => metadata.Key == BrokerProject)?.Value
            ?? throw new DistributedApplicationException(
                "The AppHost does not say where the local broker is: set the property LocalKafkaProject in its project file.");
        return _output.ExecutableOf(project);
    }
}
