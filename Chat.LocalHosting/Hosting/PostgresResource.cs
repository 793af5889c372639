using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting.ApplicationModel
{
    public sealed class PostgresServerResource : ContainerResource, IResourceWithConnectionString
    {
        internal const string EndpointName = "tcp";
        internal const string UserName = "postgres";

        private readonly List<PostgresDatabaseResource> _databases = [];

        public PostgresServerResource(string name, ParameterResource passwordParameter) : base(name)
        {
            PasswordParameter = passwordParameter;
            PrimaryEndpoint = new EndpointReference(this, EndpointName);
        }

        public ParameterResource PasswordParameter { get; }

        public EndpointReference PrimaryEndpoint { get; }

        /// <summary>Database names by the names of their resources.</summary>
        public IReadOnlyDictionary<string, string> Databases => _databases.ToDictionary(database => database.Name, database => database.DatabaseName);

        public ReferenceExpression ConnectionStringExpression => ReferenceExpression.Create(
            $"Host={Host};Port={Port};Username={UserName};Password={PasswordParameter}");

        internal EndpointReferenceExpression Host => PrimaryEndpoint.Property(EndpointProperty.Host);

        internal EndpointReferenceExpression Port => PrimaryEndpoint.Property(EndpointProperty.Port);

        public IEnumerable<KeyValuePair<string, ReferenceExpression>> GetConnectionProperties()
        {
            yield return new("Host", ReferenceExpression.Create($"{Host}"));
            yield return new("Port", ReferenceExpression.Create($"{Port}"));
            yield return new("Username", ReferenceExpression.Create($"{UserName}"));
            yield return new("Password", ReferenceExpression.Create($"{PasswordParameter}"));
            yield return new("Uri", ReferenceExpression.Create($"postgresql://{UserName:uri}:{PasswordParameter:uri}@{Host}:{Port}"));
            yield return new("JdbcConnectionString", ReferenceExpression.Create($"jdbc:postgresql://{Host}:{Port}"));
        }

        internal void Add(PostgresDatabaseResource database) => _databases.Add(database);
    }

    public sealed class PostgresDatabaseResource(string name, string databaseName, PostgresServerResource parent)
        : Resource(name), IResourceWithParent<PostgresServerResource>, IResourceWithConnectionString
    {
        public PostgresServerResource Parent { get; } = parent;

        public string DatabaseName { get; } = databaseName;

        public ReferenceExpression ConnectionStringExpression => ReferenceExpression.Create($"{Parent};Database={DatabaseName}");

        public IEnumerable<KeyValuePair<string, ReferenceExpression>> GetConnectionProperties()
        {
            var (user, password, host, port) = (PostgresServerResource.UserName, Parent.PasswordParameter, Parent.Host, Parent.Port);
            yield return new("Host", ReferenceExpression.Create($"{host}"));
            yield return new("Port", ReferenceExpression.Create($"{port}"));
            yield return new("Username", ReferenceExpression.Create($"{user}"));
            yield return new("Password", ReferenceExpression.Create($"{password}"));
            yield return new("Uri", ReferenceExpression.Create($"postgresql://{user:uri}:{password:uri}@{host}:{port}/{DatabaseName:uri}"));
            yield return new("JdbcConnectionString", ReferenceExpression.Create($"jdbc:postgresql://{host}:{port}/{DatabaseName:uri}"));
            yield return new("DatabaseName", ReferenceExpression.Create($"{DatabaseName}"));
        }
    }
}

namespace Aspire.Hosting
{
    public static class PostgresBuilderExtensions
    {
        private const string Image = "docker.io/library/postgres:18.3";

        public static IResourceBuilder<PostgresServerResource> AddPostgres(
            this IDistributedApplicationBuilder builder, string name,
            IResourceBuilder<ParameterResource>? userName = null, IResourceBuilder<ParameterResource>? password = null, int? port = null)
        {
            if (userName is not null)
                throw new DistributedApplicationException($"The local engine's Postgres has one superuser, '{PostgresServerResource.UserName}': leave the user name of '{name}' out.");
            var passwordParameter = password?.Resource
                ?? ParameterResourceBuilderExtensions.CreateDefaultPasswordParameter(builder, $"{name}-password");
            return builder.AddResource(new PostgresServerResource(name, passwordParameter))
                .WithEndpoint(port: port, targetPort: 5432, name: PostgresServerResource.EndpointName)
                .WithAnnotation(new ContainerImageAnnotation(Image))
                .WithAnnotation(new HealthCheckAnnotation($"{name}_check"))
                .WithEnvironment("POSTGRES_HOST_AUTH_METHOD", "scram-sha-256")
                .WithEnvironment("POSTGRES_INITDB_ARGS", "--auth-host=scram-sha-256 --auth-local=scram-sha-256")
                .WithEnvironment(context =>
                {
                    context.EnvironmentVariables["POSTGRES_USER"] = PostgresServerResource.UserName;
                    context.EnvironmentVariables["POSTGRES_PASSWORD"] = passwordParameter;
                });
        }

        /// <summary>Adds a database; when the application runs, it is made as soon as the server is healthy.</summary>
        public static IResourceBuilder<PostgresDatabaseResource> AddDatabase(
            this IResourceBuilder<PostgresServerResource> builder, string name, string? databaseName = null)
        {
            var database = new PostgresDatabaseResource(name, databaseName ?? name, builder.Resource);
            var added = builder.ApplicationBuilder.AddResource(database).WithAnnotation(new HealthCheckAnnotation($"{name}_check"));
            builder.Resource.Add(database);
            return added;
        }

        public static IResourceBuilder<PostgresServerResource> WithDataVolume(
            this IResourceBuilder<PostgresServerResource> builder, string? name = null, bool isReadOnly = false) =>
            builder.WithAnnotation(new ContainerMountAnnotation(VolumeName.For(builder, name), "/var/lib/postgresql", isBindMount: false, isReadOnly));
    }
}
