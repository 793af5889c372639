using Aspire.Confluent.Kafka;
using Chat.LocalHosting.Clients;
using Confluent.Kafka;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Aspire.Confluent.Kafka
{
    /// <summary>Settings of <c>Aspire:Confluent:Kafka:Producer</c>.</summary>
    public sealed class KafkaProducerSettings
    {
        public string? ConnectionString { get; set; }

        public ProducerConfig Config { get; } = new();

        public bool DisableMetrics { get; set; }

        public bool DisableHealthChecks { get; set; }

        public bool DisableTracing { get; set; }
    }

    /// <summary>Settings of <c>Aspire:Confluent:Kafka:Consumer</c>; <c>Config:GroupId</c> is required.</summary>
    public sealed class KafkaConsumerSettings
    {
        public string? ConnectionString { get; set; }

        public ConsumerConfig Config { get; } = new();

        public bool DisableMetrics { get; set; }

        public bool DisableHealthChecks { get; set; }

        public bool DisableTracing { get; set; }
    }
}

namespace Microsoft.Extensions.Hosting
{
    /// <summary>
    /// Registers <see cref="IProducer{TKey, TValue}"/> for a named connection, as Aspire's Kafka integration does,
    /// except that the health check asks for metadata instead of producing a message.
    /// </summary>
    public static class AspireKafkaProducerExtensions
    {
        private const string Section = "Aspire:Confluent:Kafka:Producer";
        private const string HealthCheck = "Aspire.Confluent.Kafka.Producer";

        public static void AddKafkaProducer<TKey, TValue>(
            this IHostApplicationBuilder builder, string connectionName,
            Action<KafkaProducerSettings>? configureSettings = null,
            Action<IServiceProvider, ProducerBuilder<TKey, TValue>>? configureBuilder = null)
        {
            var settings = ClientRegistration.Read(
                builder, Section, connectionName, (settings, value) => settings.ConnectionString = value, configureSettings);

            builder.Services.AddSingleton(services =>
            {
                settings.Config.BootstrapServers = ClientRegistration.Require(settings.ConnectionString, connectionName, Section);
                var producer = new ProducerBuilder<TKey, TValue>(settings.Config);
                configureBuilder?.Invoke(services, producer);
                return producer.Build();
            });
            if (!settings.DisableHealthChecks)
            {
                ClientRegistration.AddHealthCheckOnce(builder, HealthCheck, checks => checks.Add(new HealthCheckRegistration(
                    HealthCheck, services => new KafkaMetadataCheck(services.GetRequiredService<IProducer<TKey, TValue>>().Handle), null, null)));
            }
        }

        public static void AddKafkaProducer<TKey, TValue>(
            this IHostApplicationBuilder builder, string connectionName, Action<ProducerBuilder<TKey, TValue>> configureBuilder) =>
            builder.AddKafkaProducer<TKey, TValue>(connectionName, null, (_, producer) => configureBuilder(producer));

        public static void AddKafkaProducer<TKey, TValue>(
            this IHostApplicationBuilder builder, string connectionName,
            Action<KafkaProducerSettings>? configureSettings, Action<ProducerBuilder<TKey, TValue>> configureBuilder) =>
            builder.AddKafkaProducer<TKey, TValue>(connectionName, configureSettings, (_, producer) => configureBuilder(producer));
    }

    /// <summary>Registers <see cref="IConsumer{TKey, TValue}"/> for a named connection; otherwise like the producer's registration.</summary>
    public static class AspireKafkaConsumerExtensions
    {
        private const string Section = "Aspire:Confluent:Kafka:Consumer";
        private const string HealthCheck = "Aspire.Confluent.Kafka.Consumer";

        public static void AddKafkaConsumer<TKey, TValue>(
            this IHostApplicationBuilder builder, string connectionName,
            Action<KafkaConsumerSettings>? configureSettings = null,
            Action<IServiceProvider, ConsumerBuilder<TKey, TValue>>? configureBuilder = null)
        {
            var settings = ClientRegistration.Read(
                builder, Section, connectionName, (settings, value) => settings.ConnectionString = value, configureSettings);

            builder.Services.AddSingleton(services =>
            {
                settings.Config.BootstrapServers = ClientRegistration.Require(settings.ConnectionString, connectionName, Section);
                if (string.IsNullOrEmpty(settings.Config.GroupId))
                    throw new InvalidOperationException($"A Kafka consumer needs a group: set '{Section}:Config:GroupId' or {nameof(ConsumerConfig.GroupId)} in code.");
                var consumer = new ConsumerBuilder<TKey, TValue>(settings.Config);
                configureBuilder?.Invoke(services, consumer);
                return consumer.Build();
            });
            if (!settings.DisableHealthChecks)
            {
                ClientRegistration.AddHealthCheckOnce(builder, HealthCheck, checks => checks.Add(new HealthCheckRegistration(
                    HealthCheck, services => new KafkaMetadataCheck(services.GetRequiredService<IConsumer<TKey, TValue>>().Handle), null, null)));
            }
        }

        public static void AddKafkaConsumer<TKey, TValue>(
            this IHostApplicationBuilder builder, string connectionName, Action<ConsumerBuilder<TKey, TValue>> configureBuilder) =>
            builder.AddKafkaConsumer<TKey, TValue>(connectionName, null, (_, consumer) => configureBuilder(consumer));

        public static void AddKafkaConsumer<TKey, TValue>(
            this IHostApplicationBuilder builder, string connectionName,
            Action<KafkaConsumerSettings>? configureSettings, Action<ConsumerBuilder<TKey, TValue>> configureBuilder) =>
            builder.AddKafkaConsumer<TKey, TValue>(connectionName, configureSettings, (_, consumer) => configureBuilder(consumer));
    }
}
