using Aspire.Npgsql;
using Aspire.Npgsql.EntityFrameworkCore.PostgreSQL;
using Chat.LocalHosting.Clients;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using OpenTelemetry.Trace;

namespace Aspire.Npgsql
{
    /// <summary>Settings of <c>Aspire:Npgsql</c>.</summary>
    public sealed class NpgsqlSettings
    {
        public string? ConnectionString { get; set; }

        public bool DisableHealthChecks { get; set; }

        public bool DisableTracing { get; set; }

        public bool DisableMetrics { get; set; }
    }
}

namespace Aspire.Npgsql.EntityFrameworkCore.PostgreSQL
{
    /// <summary>Settings of <c>Aspire:Npgsql:EntityFrameworkCore:PostgreSQL</c>, and of the context's own section below it.</summary>
    public sealed class NpgsqlEntityFrameworkCorePostgreSQLSettings
    {
        public string? ConnectionString { get; set; }

        /// <summary>True = transient failures are not retried, so that the caller may open transactions without an execution strategy.</summary>
        public bool DisableRetry { get; set; }

        /// <summary>Seconds; null = the provider's default.</summary>
        public int? CommandTimeout { get; set; }

        public bool DisableHealthChecks { get; set; }

        public bool DisableTracing { get; set; }

        public bool DisableMetrics { get; set; }
    }
}

namespace Microsoft.Extensions.Hosting
{
    /// <summary>Registers <see cref="NpgsqlDataSource"/> for a named connection, as Aspire's Npgsql client integration does.</summary>
    public static class AspirePostgreSqlNpgsqlExtensions
    {
        private const string Section = "Aspire:Npgsql";
        private const string HealthCheck = "PostgreSql";

        public static void AddNpgsqlDataSource(
            this IHostApplicationBuilder builder, string connectionName,
            Action<NpgsqlSettings>? configureSettings = null, Action<NpgsqlDataSourceBuilder>? configureDataSourceBuilder = null)
        {
            var settings = ClientRegistration.Read(
                builder, Section, connectionName, (settings, value) => settings.ConnectionString = value, configureSettings);

            builder.Services.AddSingleton(services =>
            {
                var dataSource = new NpgsqlDataSourceBuilder(ClientRegistration.Require(settings.ConnectionString, connectionName, Section));
                dataSource.UseLoggerFactory(services.GetRequiredService<ILoggerFactory>());
                configureDataSourceBuilder?.Invoke(dataSource);
                return dataSource.Build();
            });
            builder.Services.AddTransient(services => services.GetRequiredService<NpgsqlDataSource>().CreateConnection());
            if (!settings.DisableHealthChecks)
            {
                ClientRegistration.AddHealthCheckOnce(builder, HealthCheck, checks =>
                    checks.AddNpgSql(services => services.GetRequiredService<NpgsqlDataSource>(), name: HealthCheck));
            }
            NpgsqlTelemetry.Add(builder, !settings.DisableTracing, !settings.DisableMetrics);
        }
    }

    /// <summary>Registers a pooled <see cref="DbContext"/> for a named connection, as Aspire's EF Core integration does.</summary>
    public static class AspireEFPostgreSqlExtensions
    {
        private const string Section = "Aspire:Npgsql:EntityFrameworkCore:PostgreSQL";

        public static void AddNpgsqlDbContext<TContext>(
            this IHostApplicationBuilder builder, string connectionName,
            Action<NpgsqlEntityFrameworkCorePostgreSQLSettings>? configureSettings = null,
            Action<DbContextOptionsBuilder>? configureDbContextOptions = null)
            where TContext : DbContext
        {
            if (builder.Services.Any(service => service.ServiceType == typeof(DbContextOptions<TContext>)))
                throw new InvalidOperationException($"DbContext<{typeof(TContext).Name}> is already registered.");

            var contextName = typeof(TContext).Name;
            var settings = ClientRegistration.Read<NpgsqlEntityFrameworkCorePostgreSQLSettings>(
                builder, Section, connectionName, (settings, value) => settings.ConnectionString = value, settings =>
                {
                    builder.Configuration.GetSection($"{Section}:{contextName}").Bind(settings);
                    configureSettings?.Invoke(settings);
                });

            builder.Services.AddDbContextPool<TContext>(options =>
            {
                options.UseNpgsql(ClientRegistration.Require(settings.ConnectionString, connectionName, Section), npgsql =>
                {
                    if (!settings.DisableRetry)
                        npgsql.EnableRetryOnFailure();
                    if (settings.CommandTimeout is { } seconds)
                        npgsql.CommandTimeout(seconds);
                });
                configureDbContextOptions?.Invoke(options);
            });
            if (!settings.DisableHealthChecks)
                ClientRegistration.AddHealthCheckOnce(builder, contextName, checks => checks.AddDbContextCheck<TContext>(contextName));
            NpgsqlTelemetry.Add(builder, !settings.DisableTracing, !settings.DisableMetrics);
        }
    }

    /// <summary>Npgsql's own source and meter, added to whatever telemetry the process exports.</summary>
    internal static class NpgsqlTelemetry
    {
        public static void Add(IHostApplicationBuilder builder, bool tracing, bool metrics)
        {
            if (tracing)
                builder.Services.AddOpenTelemetry().WithTracing(traces => traces.AddNpgsql());
            if (metrics)
                builder.Services.AddOpenTelemetry().WithMetrics(meters => meters.AddMeter("Npgsql"));
        }
    }
}
