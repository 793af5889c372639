using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Chat.LocalHosting.Clients;

/// <summary>What all client registrations share: where settings come from, and that a health check is added once per name.</summary>
internal static class ClientRegistration
{
    /// <summary>
    /// Later wins: the section, the section of this connection, the connection string of that name, and at last the caller's delegate.
    /// </summary>
    public static TSettings Read<TSettings>(
        IHostApplicationBuilder builder, string section, string connectionName,
        Action<TSettings, string> setConnectionString, Action<TSettings>? configure)
        where TSettings : new()
    {
        var settings = new TSettings();
        var configuration = builder.Configuration.GetSection(section);
        configuration.Bind(settings);
        configuration.GetSection(connectionName).Bind(settings);
        if (builder.Configuration.GetConnectionString(connectionName) is { Length: > 0 } connectionString)
            setConnectionString(settings, connectionString);
        configure?.Invoke(settings);
        return settings;
    }

    public static string Require(string? connectionString, string connectionName, string section) =>
        !string.IsNullOrEmpty(connectionString)
            ? connectionString
            : throw new InvalidOperationException(
                $"ConnectionString is missing. It should be provided in 'ConnectionStrings:{connectionName}' or under the 'ConnectionString' key in '{section}' configuration section.");

    public static void AddHealthCheckOnce(IHostApplicationBuilder builder, string name, Action<IHealthChecksBuilder> add)
    {
        var key = $"Aspire.HealthChecks.{name}";
        if (builder.Properties.TryAdd(key, true))
            add(builder.Services.AddHealthChecks());
    }
}
