using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Chat.Gateway;

/// <summary>
/// A proxy in front of the gateway (an ingress, a load balancer): only what comes from a network that is named in
/// <c>Chat:Gateway:TrustedProxies</c> may say who its client is, with <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c>. Of a chain of
/// addresses the last one that no such network holds is the client. None is named by default: then nobody is believed.
/// </summary>
public static class FrontProxies
{
    public const string Setting = "Chat:Gateway:TrustedProxies";

    /// <summary>Must stand before everything that looks at the client's address, the scheme or the host.</summary>
    public static void UseFrontProxies(this WebApplication app)
    {
        var networks = Read(app.Configuration);
        if (networks.Count == 0) return;

        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.All & ~ForwardedHeaders.XForwardedPrefix, ForwardLimit = null };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in networks) options.KnownIPNetworks.Add(network);
        app.UseForwardedHeaders(options);
    }

    /// <summary>Throws when an entry is not a network, with the remedy in the message.</summary>
    public static IReadOnlyList<IPNetwork> Read(IConfiguration configuration) =>
        [.. configuration.GetSection(Setting).GetChildren().Where(entry => !string.IsNullOrWhiteSpace(entry.Value)).Select(Parse)];

    private static IPNetwork Parse(IConfigurationSection entry)
    {
        var text = entry.Value!.Trim();
        if (IPNetwork.TryParse(text, out var network))
        {
            return network.PrefixLength > 0 ? network : throw new InvalidOperationException(
                $"{entry.Path} is '{text}', which is everybody: every client could choose its own address. Name the network of the proxy, such as 10.1.0.0/16.");
        }
        return IPAddress.TryParse(text, out var address)
            ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
            : throw new InvalidOperationException(
                $"{entry.Path} is '{text}': it must be the network of a proxy in front of the gateway, such as 10.1.0.0/16, or one address.");
    }
}
