using Aspire.StackExchange.Redis;
using Chat.LocalHosting.Clients;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Trace;
using StackExchange.Redis;

namespace Aspire.StackExchange.Redis
{
    /// <summary>Settings of <c>Aspire:StackExchange:Redis</c>.</summary>
    public sealed class StackExchangeRedisSettings
    {
        public string? ConnectionString { get; set; }

        public bool DisableHealthChecks { get; set; }

        public bool DisableTracing { get; set; }

        /// <summary>False = connect at start instead of at first use.</summary>
        public bool DisableAutoActivation { get; set; } = true;
    }
}

namespace Microsoft.Extensions.Hosting
{
    /// <summary>Registers <see cref="IConnectionMultiplexer"/> for a named connection, as Aspire's Redis client integration does.</summary>
    public static class AspireRedisExtensions
    {
        private const string Section = "Aspire:StackExchange:Redis";
        private const string HealthCheck = "StackExchange.Redis";

        public static void AddRedisClient(
            this IHostApplicationBuilder builder, string connectionName,
            Action<StackExchangeRedisSettings>? configureSettings = null, Action<ConfigurationOptions>? configureOptions = null) =>
            Add(builder, connectionName, serviceKey: null, configureSettings, configureOptions);

        public static void AddKeyedRedisClient(
            this IHostApplicationBuilder builder, string name,
            Action<StackExchangeRedisSettings>? configureSettings = null, Action<ConfigurationOptions>? configureOptions = null) =>
            Add(builder, name, serviceKey: name, configureSettings, configureOptions);

        private static void Add(
            IHostApplicationBuilder builder, string connectionName, string? serviceKey,
            Action<StackExchangeRedisSettings>? configureSettings, Action<ConfigurationOptions>? configureOptions)
        {
            var settings = ClientRegistration.Read(
                builder, Section, connectionName, (settings, value) => settings.ConnectionString = value, configureSettings);
            var optionSections = new[] { $"{Section}:ConfigurationOptions", $"{Section}:{connectionName}:ConfigurationOptions" };

            // The container owns the multiplexer: it stays rooted and is disposed at the end.
            IConnectionMultiplexer Connect(IServiceProvider services)
            {
                var options = ConfigurationOptions.Parse(ClientRegistration.Require(settings.ConnectionString, connectionName, Section));
                if (!settings.ConnectionString!.Contains("abortConnect", StringComparison.OrdinalIgnoreCase))
                    options.AbortOnConnectFail = false;
                foreach (var section in optionSections)
                    services.GetRequiredService<IConfiguration>().GetSection(section).Bind(options);
                configureOptions?.Invoke(options);
                options.LoggerFactory ??= services.GetRequiredService<ILoggerFactory>();
                return ConnectionMultiplexer.Connect(options);
            }

            if (serviceKey is null)
                builder.Services.AddSingleton(Connect);
            else
                builder.Services.AddKeyedSingleton(serviceKey, (services, _) => Connect(services));

            IConnectionMultiplexer Resolve(IServiceProvider services) => serviceKey is null
                ? services.GetRequiredService<IConnectionMultiplexer>()
                : services.GetRequiredKeyedService<IConnectionMultiplexer>(serviceKey);

            // Heard only where the host has a tracer; else no profiler is registered, and commands cost nothing more.
            if (!settings.DisableTracing)
            {
                builder.Services.ConfigureOpenTelemetryTracerProvider(tracing =>
                    _ = serviceKey is null ? tracing.AddRedisInstrumentation() : tracing.AddRedisInstrumentation((object)serviceKey));
            }
            if (!settings.DisableAutoActivation)
                builder.Services.AddHostedService(services => new Activation(() => Resolve(services)));
            if (!settings.DisableHealthChecks)
            {
                var name = serviceKey is null ? HealthCheck : $"{HealthCheck}_{serviceKey}";
                ClientRegistration.AddHealthCheckOnce(builder, name, checks => checks.AddRedis(Resolve, name));
            }
        }

        /// <summary>Connects when the host starts.</summary>
        private sealed class Activation(Func<IConnectionMultiplexer> resolve) : IHostedService
        {
            public Task StartAsync(CancellationToken cancellationToken) => Task.Run(resolve, cancellationToken);

            public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        }
    }
}
