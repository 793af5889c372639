using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting;

public sealed class KafkaServerResource : ContainerResource, IResourceWithConnectionString
{
    internal const string EndpointName = "tcp";
    internal const string InternalEndpointName = "internal";

    public KafkaServerResource(string name) : base(name)
    {
        PrimaryEndpoint = new EndpointReference(this, EndpointName);
        InternalEndpoint = new EndpointReference(this, InternalEndpointName);
    }

    public EndpointReference PrimaryEndpoint { get; }

    /// <summary>For clients inside a container network; the local engine has none.</summary>
    public EndpointReference InternalEndpoint { get; }

    public ReferenceExpression ConnectionStringExpression =>
        ReferenceExpression.Create($"{PrimaryEndpoint.Property(EndpointProperty.HostAndPort)}");

    public IEnumerable<KeyValuePair<string, ReferenceExpression>> GetConnectionProperties()
    {
        yield return new("Host", ReferenceExpression.Create($"{PrimaryEndpoint.Property(EndpointProperty.Host)}"));
        yield return new("Port", ReferenceExpression.Create($"{PrimaryEndpoint.Property(EndpointProperty.Port)}"));
    }
}

public static class KafkaBuilderExtensions
{
    private const string Image = "docker.io/confluentinc/confluent-local:8.2.0";
    private const int Port = 9092;
    private const int InternalPort = 9093;

    public static IResourceBuilder<KafkaServerResource> AddKafka(this IDistributedApplicationBuilder builder, string name, int? port = null)
    {
        var kafka = new KafkaServerResource(name);
        return builder.AddResource(kafka)
            .WithEndpoint(port: port, targetPort: Port, name: KafkaServerResource.EndpointName)
            .WithEndpoint(targetPort: InternalPort, name: KafkaServerResource.InternalEndpointName)
            .WithAnnotation(new ContainerImageAnnotation(Image))
            .WithAnnotation(new HealthCheckAnnotation($"{name}_check"))
            .WithEnvironment(context => AddListeners(context, kafka));
    }

    public static IResourceBuilder<KafkaServerResource> WithDataVolume(
        this IResourceBuilder<KafkaServerResource> builder, string? name = null, bool isReadOnly = false) =>
        builder
            .WithAnnotation(new ContainerMountAnnotation(VolumeName.For(builder, name), "/var/lib/kafka/data", isBindMount: false, isReadOnly))
            .WithEnvironment("KAFKA_LOG_DIRS", "/var/lib/kafka/data");

    private static void AddListeners(EnvironmentCallbackContext context, KafkaServerResource kafka)
    {
        var primary = kafka.PrimaryEndpoint;
        var variables = context.EnvironmentVariables;
        variables["KAFKA_LISTENERS"] =
            $"PLAINTEXT://localhost:29092,CONTROLLER://localhost:29093,PLAINTEXT_HOST://0.0.0.0:{Port},PLAINTEXT_INTERNAL://0.0.0.0:{InternalPort}";
        variables["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"] =
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT,PLAINTEXT_INTERNAL:PLAINTEXT";
        variables["KAFKA_ADVERTISED_LISTENERS"] = ReferenceExpression.Create(
            $"PLAINTEXT://{primary.Property(EndpointProperty.Host)}:29092,PLAINTEXT_HOST://{primary.Property(EndpointProperty.HostAndPort)},PLAINTEXT_INTERNAL://{kafka.InternalEndpoint.Property(EndpointProperty.HostAndPort)}");
    }
}
