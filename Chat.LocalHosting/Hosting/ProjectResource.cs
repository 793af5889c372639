using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting.ApplicationModel
{
    /// <summary>A .NET project, run from its built output in as many processes as it has replicas.</summary>
    public sealed class ProjectResource(string name) : Resource(name),
        IResourceWithEnvironment, IResourceWithArgs, IResourceWithServiceDiscovery, IResourceWithWaitSupport
    {
        internal IProjectMetadata Metadata => Annotations.OfType<IProjectMetadata>().Last();
    }

    internal sealed class DisableForwardedHeadersAnnotation : IResourceAnnotation;
}

namespace Aspire.Hosting
{
    public static class ProjectResourceBuilderExtensions
    {
        /// <summary>Adds a project that this one references.</summary>
        public static IResourceBuilder<ProjectResource> AddProject<TProject>(this IDistributedApplicationBuilder builder, string name)
            where TProject : IProjectMetadata, new() => builder.AddProject(name, new TProject());

        /// <summary>Adds a project by its file, relative to the folder of the AppHost.</summary>
        public static IResourceBuilder<ProjectResource> AddProject(this IDistributedApplicationBuilder builder, string name, string projectPath) =>
            builder.AddProject(name, new ProjectPathMetadata(Path.GetFullPath(projectPath, builder.AppHostDirectory)));

        /// <summary>Runs the project in several processes; references to it go to one address that picks one of them per connection.</summary>
        public static IResourceBuilder<ProjectResource> WithReplicas(this IResourceBuilder<ProjectResource> builder, int replicas)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(replicas);
            return builder.WithAnnotation(new ReplicaAnnotation(replicas), ResourceAnnotationMutationBehavior.Replace);
        }

        /// <summary>
        /// Published, the service does not believe forwarded headers of whoever sends them: it decides by itself whose it takes.
        /// </summary>
        public static IResourceBuilder<ProjectResource> DisableForwardedHeaders(this IResourceBuilder<ProjectResource> builder) =>
            builder.WithAnnotation(new DisableForwardedHeadersAnnotation(), ResourceAnnotationMutationBehavior.Replace);

        private static IResourceBuilder<ProjectResource> AddProject(this IDistributedApplicationBuilder builder, string name, IProjectMetadata metadata)
        {
            var project = new ProjectResource(name);
            return builder.AddResource(project)
                .WithAnnotation(metadata)
                .WithEnvironment("OTEL_DOTNET_EXPERIMENTAL_OTLP_RETRY", "in_memory")
                .WithEnvironment(context =>
                {
                    if (context.ExecutionContext.IsPublishMode)
                        AddPublishedPorts(context, project);
                });
        }

        /// <summary>In a deployment the process listens on what the platform gives it, behind the platform's own proxy.</summary>
        private static void AddPublishedPorts(EnvironmentCallbackContext context, ProjectResource project)
        {
            var endpoints = project.GetEndpoints().ToArray();
            if (endpoints.Length > 0 && !project.Annotations.OfType<DisableForwardedHeadersAnnotation>().Any())
                context.EnvironmentVariables["ASPNETCORE_FORWARDEDHEADERS_ENABLED"] = "true";
            // Whoever takes a port from a variable of its own listens there by itself.
            var served = endpoints.Where(endpoint => endpoint.EndpointAnnotation.TargetPortEnvironmentVariable is null).ToArray();
            AddPorts(context, "HTTP_PORTS", served.Where(endpoint => endpoint.Scheme == "http"));
            AddPorts(context, "HTTPS_PORTS", served.Where(endpoint => endpoint.Scheme == "https"));
            foreach (var endpoint in endpoints.Except(served))
                context.EnvironmentVariables[endpoint.EndpointAnnotation.TargetPortEnvironmentVariable!] = endpoint.Property(EndpointProperty.TargetPort);
        }

        private static void AddPorts(EnvironmentCallbackContext context, string variable, IEnumerable<EndpointReference> endpoints)
        {
            var ports = new ReferenceExpressionBuilder();
            foreach (var endpoint in endpoints)
            {
                if (!ports.IsEmpty)
                    ports.AppendLiteral(";");
                ports.Append(endpoint.Property(EndpointProperty.TargetPort));
            }
            if (!ports.IsEmpty)
                context.EnvironmentVariables.TryAdd(variable, ports.Build());
        }

        private sealed class ProjectPathMetadata(string projectPath) : IProjectMetadata
        {
            public string ProjectPath { get; } = projectPath;
        }
    }
}
