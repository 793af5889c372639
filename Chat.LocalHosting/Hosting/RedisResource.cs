using System.Globalization;
using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting.ApplicationModel
{
    public sealed class RedisResource : ContainerResource, IResourceWithConnectionString
    {
        internal const string EndpointName = "tcp";

        public RedisResource(string name, ParameterResource passwordParameter) : base(name)
        {
            PasswordParameter = passwordParameter;
            PrimaryEndpoint = new EndpointReference(this, EndpointName);
            Entrypoint = "/bin/sh";
        }

        public ParameterResource PasswordParameter { get; }

        public EndpointReference PrimaryEndpoint { get; }

        public ReferenceExpression ConnectionStringExpression
        {
            get
            {
                var tls = ReferenceExpression.CreateConditional(
                    PrimaryEndpoint.Property(EndpointProperty.TlsEnabled), bool.TrueString,
                    ReferenceExpression.Create($",ssl=true"), ReferenceExpression.Empty);
                return ReferenceExpression.Create(
                    $"{PrimaryEndpoint.Property(EndpointProperty.HostAndPort)},password={PasswordParameter}{tls}");
            }
        }

        public IEnumerable<KeyValuePair<string, ReferenceExpression>> GetConnectionProperties()
        {
            var host = PrimaryEndpoint.Property(EndpointProperty.Host);
            var port = PrimaryEndpoint.Property(EndpointProperty.Port);
            yield return new("Host", ReferenceExpression.Create($"{host}"));
            yield return new("Port", ReferenceExpression.Create($"{port}"));
            yield return new("Password", ReferenceExpression.Create($"{PasswordParameter}"));
            yield return new("Uri", ReferenceExpression.Create(
                $"{PrimaryEndpoint.Property(EndpointProperty.Scheme)}://:{PasswordParameter:uri}@{host}:{port}"));
        }
    }

    /// <summary>How often a containered Redis takes snapshots.</summary>
    internal sealed class PersistenceAnnotation(TimeSpan? interval, long keysChangedThreshold) : IResourceAnnotation
    {
        private static readonly TimeSpan DefaultInterval = TimeSpan.FromSeconds(60);

        public TimeSpan Interval { get; } = interval ?? DefaultInterval;

        public long KeysChangedThreshold { get; } = keysChangedThreshold;
    }
}

namespace Aspire.Hosting
{
    public static class RedisBuilderExtensions
    {
        private const string Image = "docker.io/library/redis:8.6";

        public static IResourceBuilder<RedisResource> AddRedis(
            this IDistributedApplicationBuilder builder, string name, int? port = null, IResourceBuilder<ParameterResource>? password = null)
        {
            // StackExchange.Redis takes a comma as the end of the password: no special characters.
            var passwordParameter = password?.Resource
                ?? ParameterResourceBuilderExtensions.CreateDefaultPasswordParameter(builder, $"{name}-password", special: false);
            var redis = new RedisResource(name, passwordParameter);
            return builder.AddResource(redis)
                .WithEndpoint(port: port, targetPort: 6379, scheme: "redis", name: RedisResource.EndpointName)
                .WithAnnotation(new ContainerImageAnnotation(Image))
                .WithAnnotation(new HealthCheckAnnotation($"{name}_check"))
                .WithEnvironment("REDIS_PASSWORD", passwordParameter)
                .WithArgs(context => AddServerArguments(context, redis));
        }

        public static IResourceBuilder<RedisResource> WithDataVolume(
            this IResourceBuilder<RedisResource> builder, string? name = null, bool isReadOnly = false)
        {
            builder.WithAnnotation(new ContainerMountAnnotation(VolumeName.For(builder, name), "/data", isBindMount: false, isReadOnly));
            return isReadOnly ? builder : builder.WithPersistence();
        }

        public static IResourceBuilder<RedisResource> WithPersistence(
            this IResourceBuilder<RedisResource> builder, TimeSpan? interval = null, long keysChangedThreshold = 1) =>
            builder.WithAnnotation(new PersistenceAnnotation(interval, keysChangedThreshold), ResourceAnnotationMutationBehavior.Replace);

        private static IResourceBuilder<RedisResource> WithEnvironment(
            this IResourceBuilder<RedisResource> builder, string name, ParameterResource parameter) =>
            builder.WithEnvironment(context => context.EnvironmentVariables[name] = parameter);

        private static void AddServerArguments(CommandLineArgsCallbackContext context, RedisResource redis)
        {
            List<string> words = ["redis-server", "--requirepass", "$REDIS_PASSWORD"];
            if (redis.TryGetLastAnnotation<PersistenceAnnotation>(out var persistence))
            {
                words.AddRange([
                    "--save", persistence.Interval.TotalSeconds.ToString(CultureInfo.InvariantCulture),
                    persistence.KeysChangedThreshold.ToString(CultureInfo.InvariantCulture)]);
            }

            if (context.ExecutionContext.IsRunMode)
            {
                foreach (var word in words)
                    context.Args.Add(word);
            }
            else
            {
                context.Args.Add("-c");
                context.Args.Add(string.Join(' ', words));
            }
        }
    }
}
